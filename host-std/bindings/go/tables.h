/* The library's tables, whose functions are those that Go exports; the context is a handle of runtime/cgo. */
#include <stdint.h>
#include <subvm_host.h>

void subvm_go_storage(subvm_storage_t *table, uintptr_t handle);
void subvm_go_clock(subvm_clock_t *table, uintptr_t handle);
void subvm_go_rng(subvm_rng_t *table, uintptr_t handle);
void subvm_go_host(subvm_host_t *table, uintptr_t handle);
void subvm_go_modules(subvm_modules_t *table, uintptr_t handle);

subvm_error_t *subvm_go_check_storage(uintptr_t maker);
subvm_error_t *subvm_go_check_clock(uintptr_t maker);
subvm_error_t *subvm_go_check_rng(uintptr_t maker);
subvm_error_t *subvm_go_check_host(const subvm_address_t *contract, const subvm_address_t *nobody, uintptr_t maker);
subvm_error_t *subvm_go_check_modules(subvm_bytes_t request, subvm_bytes_t unknown, uintptr_t maker);
