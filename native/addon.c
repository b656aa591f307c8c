// Module registration and argument helpers.
#include "addon.h"

#include <stdlib.h>
#include <string.h>

void throw_type(napi_env env, const char *message) {
  napi_throw_type_error(env, NULL, message);
}

bool get_args(napi_env env, napi_callback_info info, size_t count, napi_value *args) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, args, NULL, NULL) == napi_ok && given >= count) return true;
  throw_type(env, "too few arguments");
  return false;
}

bool get_int(napi_env env, napi_value value, int32_t *result) {
  if (napi_get_value_int32(env, value, result) == napi_ok) return true;
  throw_type(env, "a number was expected");
  return false;
}

bool get_int_args(napi_env env, napi_callback_info info, size_t count, int32_t *values) {
  napi_value args[4];
  if (!get_args(env, info, count, args)) return false;
  for (size_t i = 0; i < count; i++) {
    if (!get_int(env, args[i], &values[i])) return false;
  }
  return true;
}

bool get_string(napi_env env, napi_value value, char *buffer, size_t size, size_t *length) {
  size_t all = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &all) != napi_ok) {
    throw_type(env, "a string was expected");
    return false;
  }
  if (all >= size) {
    throw_type(env, "the string is too long");
    return false;
  }
  napi_get_value_string_utf8(env, value, buffer, size, length);
  if (memchr(buffer, 0, *length) != NULL) {
    throw_type(env, "the string contains a NUL");
    return false;
  }
  return true;
}

bool get_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length) {
  bool is_array = false;
  napi_typedarray_type actual;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &actual, length, data, NULL, NULL) != napi_ok || actual != type) {
    throw_type(env, type == napi_int32_array ? "an Int32Array was expected" : "a Uint8Array was expected");
    return false;
  }
  return true;
}

napi_value make_int(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

void set_int(napi_env env, napi_value object, const char *name, int32_t value) {
  napi_set_named_property(env, object, name, make_int(env, value));
}

void set_string(napi_env env, napi_value object, const char *name, const char *value) {
  napi_value text = NULL;
  napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, name, text);
}

struct instance *get_instance(napi_env env) {
  void *data = NULL;
  napi_get_instance_data(env, &data);
  return data;
}

void export_functions(napi_env env, napi_value exports, const napi_property_descriptor *table, size_t count) {
  napi_define_properties(env, exports, count, table);
}

static void end_instance(napi_env env, void *data, void *hint) {
  (void)hint;
  close_all_queues(env, data);
  free(data);
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  struct instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL || napi_set_instance_data(env, instance, end_instance, NULL) != napi_ok) {
    free(instance);
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  export_tun(env, exports);
  export_queue(env, exports);
  export_socket(env, exports);
  export_watch(env, exports);
  export_host(env, exports);
  export_lock(env, exports);
  return exports;
}
