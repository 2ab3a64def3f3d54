/* A counter, to begin with. */
#include "subvm.h"

/* Where the count is kept: the field `count`, in the layout of subvm-sdk. */
static subvm_word count_slot(void) {
    static const subvm_word root;
    subvm_word slot;
    subvm_slot_field(&slot, &root, "count");
    return slot;
}

SUBVM_EXPORT("_start") void start(void) {
    subvm_message message = subvm_read_message();
    subvm_reader call = message.call;
    subvm_word slot = count_slot();
    subvm_not_payable(&message);
    subvm_enter(&call);

    if (message.is_init) {
        uint64_t begin = subvm_field_u64(&call, "start");
        subvm_end(&call);
        subvm_set_u128(&slot, subvm_wide(begin));
        return;
    }

    subvm_u128 count = subvm_get_u128(&slot, "count");
    if (subvm_is_method(&message, "add")) {
        /* Arguments, and the method's name, in the order of their names. */
        subvm_skip_field(&call, "method");
        uint64_t n = subvm_field_u64(&call, "n");
        subvm_end(&call);
        if (!subvm_add(&count, subvm_wide(n)) || count.high) subvm_fail("the count is full");
        subvm_set_u128(&slot, count);
        subvm_return_u128(count);
    }
    if (subvm_is_method(&message, "count")) {
        subvm_skip_field(&call, "method");
        subvm_end(&call);
        subvm_return_u128(count);
    }
    subvm_no_such_method(&message);
}
