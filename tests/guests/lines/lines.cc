// A program with lines: which of them were reached, and where it failed, is what tests ask.
typedef unsigned int u32;

__attribute__((import_module("wasi_snapshot_preview1"), import_name("args_sizes_get")))
u32 args_sizes_get(u32 *count, u32 *bytes);

namespace ledger {

// Inlined wherever it is called: no frame of the machine, and one of the source.
__attribute__((always_inline)) static inline u32 checked(u32 balance, u32 amount) {
    if (amount > balance)
        __builtin_trap();
    return balance - amount;
}

__attribute__((noinline)) u32 transfer(u32 balance, volatile u32 *amount) {
    u32 rest = checked(balance, *amount);
    *amount = *amount + 1;
    return rest;
}

__attribute__((noinline)) void refill(volatile u32 *amount) {
    *amount = 0;
}

} // namespace ledger

// What the program was given decides: so many arguments.
__attribute__((export_name("_start"))) extern "C" void start() {
    u32 count = 0, bytes = 0;
    args_sizes_get(&count, &bytes);
    volatile u32 amount = 0;
    u32 balance = 9;
    for (u32 step = 0; step < count; step++)
        balance = ledger::transfer(balance, &amount);
    if (count == 3)
        ledger::refill(&amount);
}
