/* A Node-API module with one function, crash(), that reads from address 16. Declares what it uses of js_native_api.h. */
#include <stddef.h>

typedef struct napi_env__* napi_env;
typedef struct napi_value__* napi_value;
typedef struct napi_callback_info__* napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

int napi_create_function(napi_env env, const char* name, size_t length, napi_callback callback, void* data,
                         napi_value* result);
int napi_set_named_property(napi_env env, napi_value object, const char* name, napi_value value);

struct packet {
  long header[2];
  long length;
};

__attribute__((noinline)) static long packet_length(struct packet* packet) { return *(volatile long*)&packet->length; }

static napi_value crash(napi_env env, napi_callback_info info) {
  (void)info;
  return (napi_value)(packet_length(NULL) + (char*)env);
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  if (napi_create_function(env, "crash", 5, crash, NULL, &function) == 0) {
    napi_set_named_property(env, exports, "crash", function);
  }
  return exports;
}
