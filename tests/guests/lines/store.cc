// A contract with lines: it adds to a number in storage. Whose stores differ, differ at a line of this.
typedef unsigned int u32;

__attribute__((import_module("genlayer_sdk"), import_name("storage_read")))
u32 storage_read(const void *slot, u32 index, void *bytes, u32 len);
__attribute__((import_module("genlayer_sdk"), import_name("storage_write")))
u32 storage_write(const void *slot, u32 index, const void *bytes, u32 len);

namespace ledger {

static const unsigned char slot[32] = {};

__attribute__((noinline)) u32 balance(volatile u32 *keep) {
    u32 found = 0;
    storage_read(slot, 0, &found, sizeof found);
    *keep = found;
    return found;
}

__attribute__((noinline)) void keep(u32 amount) {
    storage_write(slot, 0, &amount, sizeof amount);
}

} // namespace ledger

__attribute__((export_name("_start"))) extern "C" void start() {
    volatile u32 kept = 0;
    u32 found = ledger::balance(&kept);
    ledger::keep(found + 1 + (kept - found));
}
