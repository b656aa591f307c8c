#include "addon.h"
void export_watch(napi_env env, napi_value exports) {
  (void)env;
  (void)exports;
}
