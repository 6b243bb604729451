/* A Node-API module with two functions: crash() reads from address 16, fail() gives up. Declares what it uses of js_native_api.h. */
#include <stddef.h>

typedef struct napi_env__* napi_env;
typedef struct napi_value__* napi_value;
typedef struct napi_callback_info__* napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

int napi_create_function(napi_env env, const char* name, size_t length, napi_callback callback, void* data,
                         napi_value* result);
int napi_set_named_property(napi_env env, napi_value object, const char* name, napi_value value);
void napi_fatal_error(const char* location, size_t location_length, const char* message, size_t message_length);

struct packet {
  long header[2];
  long length;
};

__attribute__((noinline)) static long packet_length(struct packet* packet) { return *(volatile long*)&packet->length; }

static napi_value crash(napi_env env, napi_callback_info info) {
  (void)info;
  return (napi_value)(packet_length(NULL) + (char*)env);
}

static napi_value fail(napi_env env, napi_callback_info info) {
  (void)info;
  napi_fatal_error("stock.c", 7, "nothing is left", 15);
  return (napi_value)env;
}

static void add(napi_env env, napi_value exports, const char* name, size_t length, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, length, callback, NULL, &function) == 0) {
    napi_set_named_property(env, exports, name, function);
  }
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  add(env, exports, "crash", 5, crash);
  add(env, exports, "fail", 4, fail);
  return exports;
}
