#include "addon.h"
void export_socket(napi_env env, napi_value exports) {
  (void)env;
  (void)exports;
}
