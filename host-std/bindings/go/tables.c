/* Go exports functions without `const`, and with handles for contexts; the library asks for both. */
#include "tables.h"

#include "_cgo_export.h"

static int32_t read_storage(void *context, uint32_t state, const subvm_address_t *contract, const subvm_word_t *slot, uint32_t index,
                            uint8_t *into, size_t len, subvm_buffer_t *error)
{
    return subvmGoRead((uintptr_t)context, state, (subvm_address_t *)contract, (subvm_word_t *)slot, index, into, len, error);
}

static uint64_t transaction_time(void *context)
{
    return subvmGoTransactionTime((uintptr_t)context);
}

static uint64_t elapsed(void *context)
{
    return subvmGoElapsed((uintptr_t)context);
}

static int32_t fill(void *context, uint8_t *into, size_t len, subvm_buffer_t *error)
{
    return subvmGoFill((uintptr_t)context, into, len, error);
}

static int32_t balance(void *context, uint32_t state, const subvm_address_t *address, subvm_word_t *balance, subvm_buffer_t *error)
{
    return subvmGoBalance((uintptr_t)context, state, (subvm_address_t *)address, balance, error);
}

static int32_t code(void *context, uint32_t state, const subvm_address_t *address, const subvm_package_t **package, uint32_t *malformed,
                    subvm_buffer_t *error)
{
    return subvmGoCode((uintptr_t)context, state, (subvm_address_t *)address, (subvm_package_t **)package, malformed, error);
}

static int32_t locked_slots(void *context, const subvm_address_t *contract, subvm_buffer_t *slots, subvm_buffer_t *error)
{
    return subvmGoLockedSlots((uintptr_t)context, (subvm_address_t *)contract, slots, error);
}

static int32_t eth_call(void *context, uint32_t state, const subvm_address_t *address, subvm_bytes_t calldata, uint32_t *answer,
                        subvm_buffer_t *data, subvm_buffer_t *error)
{
    return subvmGoEthCall((uintptr_t)context, state, (subvm_address_t *)address, calldata, answer, data, error);
}

static void output(void *context, uint32_t stream, subvm_bytes_t bytes)
{
    subvmGoOutput((uintptr_t)context, stream, bytes);
}

static int32_t start(void *context, subvm_bytes_t request, uint64_t *id, subvm_buffer_t *error)
{
    return subvmGoStart((uintptr_t)context, request, id, error);
}

static int32_t wait_for(void *context, uint64_t id, uint64_t at_most_nanos, bool *ready, subvm_buffer_t *answer, subvm_buffer_t *error)
{
    return subvmGoWait((uintptr_t)context, id, at_most_nanos, ready, answer, error);
}

static void cancel(void *context, uint64_t id)
{
    subvmGoCancel((uintptr_t)context, id);
}

void subvm_go_storage(subvm_storage_t *table, uintptr_t handle)
{
    *table = (subvm_storage_t){sizeof *table, (void *)handle, read_storage};
}

void subvm_go_clock(subvm_clock_t *table, uintptr_t handle)
{
    *table = (subvm_clock_t){sizeof *table, (void *)handle, transaction_time, elapsed};
}

void subvm_go_rng(subvm_rng_t *table, uintptr_t handle)
{
    *table = (subvm_rng_t){sizeof *table, (void *)handle, fill};
}

void subvm_go_host(subvm_host_t *table, uintptr_t handle)
{
    *table = (subvm_host_t){sizeof *table, (void *)handle, balance, code, locked_slots, eth_call, output};
}

void subvm_go_modules(subvm_modules_t *table, uintptr_t handle)
{
    *table = (subvm_modules_t){sizeof *table, (void *)handle, start, wait_for, cancel};
}

/* ---- The conformance kit: the context is the handle of what makes parts; each part has a handle of its own. ---- */

static int32_t make_storage(void *context, const subvm_written_t *written, size_t len, subvm_storage_t *made, subvm_buffer_t *error)
{
    uintptr_t handle = subvmGoMake((uintptr_t)context, (subvm_written_t *)written, len, error);
    if (handle)
        subvm_go_storage(made, handle);
    return handle ? 0 : 1;
}

static void release_storage(void *context, const subvm_storage_t *made)
{
    (void)context;
    subvmGoRelease((uintptr_t)made->context);
}

static int32_t make_clock(void *context, subvm_clock_t *made, subvm_buffer_t *error)
{
    uintptr_t handle = subvmGoMake((uintptr_t)context, NULL, 0, error);
    if (handle)
        subvm_go_clock(made, handle);
    return handle ? 0 : 1;
}

static void release_clock(void *context, const subvm_clock_t *made)
{
    (void)context;
    subvmGoRelease((uintptr_t)made->context);
}

static int32_t make_rng(void *context, subvm_rng_t *made, subvm_buffer_t *error)
{
    uintptr_t handle = subvmGoMake((uintptr_t)context, NULL, 0, error);
    if (handle)
        subvm_go_rng(made, handle);
    return handle ? 0 : 1;
}

static void release_rng(void *context, const subvm_rng_t *made)
{
    (void)context;
    subvmGoRelease((uintptr_t)made->context);
}

static int32_t make_host(void *context, subvm_host_t *made, subvm_buffer_t *error)
{
    uintptr_t handle = subvmGoMake((uintptr_t)context, NULL, 0, error);
    if (handle)
        subvm_go_host(made, handle);
    return handle ? 0 : 1;
}

static void release_host(void *context, const subvm_host_t *made)
{
    (void)context;
    subvmGoRelease((uintptr_t)made->context);
}

static int32_t make_modules(void *context, subvm_modules_t *made, subvm_buffer_t *error)
{
    uintptr_t handle = subvmGoMake((uintptr_t)context, NULL, 0, error);
    if (handle)
        subvm_go_modules(made, handle);
    return handle ? 0 : 1;
}

static void release_modules(void *context, const subvm_modules_t *made)
{
    (void)context;
    subvmGoRelease((uintptr_t)made->context);
}

subvm_error_t *subvm_go_check_storage(uintptr_t maker)
{
    return subvm_check_storage(make_storage, release_storage, (void *)maker);
}

subvm_error_t *subvm_go_check_clock(uintptr_t maker)
{
    return subvm_check_clock(make_clock, release_clock, (void *)maker);
}

subvm_error_t *subvm_go_check_rng(uintptr_t maker)
{
    return subvm_check_rng(make_rng, release_rng, (void *)maker);
}

subvm_error_t *subvm_go_check_host(const subvm_address_t *contract, const subvm_address_t *nobody, uintptr_t maker)
{
    return subvm_check_host(contract, nobody, make_host, release_host, (void *)maker);
}

subvm_error_t *subvm_go_check_modules(subvm_bytes_t request, subvm_bytes_t unknown, uintptr_t maker)
{
    return subvm_check_modules(request, unknown, make_modules, release_modules, (void *)maker);
}
