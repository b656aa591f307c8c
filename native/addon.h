// What the files of the addon share: argument helpers and the state of one loaded instance.
//
// Every environment (the main thread, each worker) loads its own instance; there is no global mutable state, so threads
// never meet here except in the kernel.
#ifndef CLATD_ADDON_H
#define CLATD_ADDON_H

#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_QUEUES 256

struct queue;
struct watch;

struct instance {
  struct queue *queues[MAX_QUEUES];
  struct watch *watches;
  int32_t last_watch;
};

// Reads exactly `count` arguments. False with a TypeError pending when there are fewer.
bool get_args(napi_env env, napi_callback_info info, size_t count, napi_value *args);
// The same for the calls of the packet path, which take integers only.
bool get_int_args(napi_env env, napi_callback_info info, size_t count, int32_t *values);
bool get_int(napi_env env, napi_value value, int32_t *result);
// A string of at most size-1 bytes of UTF-8 without NUL.
bool get_string(napi_env env, napi_value value, char *buffer, size_t size, size_t *length);
// A typed array (over an ArrayBuffer or a SharedArrayBuffer). `length` counts elements.
bool get_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length);

napi_value make_int(napi_env env, int32_t value);
void set_int(napi_env env, napi_value object, const char *name, int32_t value);
void set_string(napi_env env, napi_value object, const char *name, const char *value);
void throw_type(napi_env env, const char *message);
struct instance *get_instance(napi_env env);

// One table of functions a file.
void export_functions(napi_env env, napi_value exports, const napi_property_descriptor *table, size_t count);
#define FUNCTION(js_name, c_function) \
  { js_name, NULL, c_function, NULL, NULL, NULL, napi_enumerable, NULL }

void export_tun(napi_env env, napi_value exports);
void export_queue(napi_env env, napi_value exports);
void export_socket(napi_env env, napi_value exports);
void export_watch(napi_env env, napi_value exports);
void export_host(napi_env env, napi_value exports);
void export_lock(napi_env env, napi_value exports);

// Closes what JavaScript left open when its environment ends.
void close_all_queues(napi_env env, struct instance *instance);

#endif
