/* A token: a supply, balances, and allowances to spend what is another's. The same as ../token in Rust, storage and all. */
#include "subvm.h"

static const subvm_word root;

static void write_addresses(subvm_writer *to, const subvm_address *all, size_t count) {
    if (count > 1) subvm_write_array(to, count);
    for (size_t i = 0; i < count; i++) subvm_write_address(to, all[i]);
}

/* The slot of `balances[owner]`, or of `allowances[(owner, spender)]`. */
static subvm_word slot_of(const char *field, const subvm_address *key, size_t count) {
    uint8_t buffer[64];
    subvm_writer to = subvm_writing(buffer, sizeof buffer);
    subvm_word map, slot;
    write_addresses(&to, key, count);
    if (!subvm_slot_field(&map, &root, field) || !subvm_slot_key(&slot, &map, subvm_written(&to))) subvm_fail("a key is too long");
    return slot;
}

static subvm_word supply_slot(void) {
    subvm_word slot;
    subvm_slot_field(&slot, &root, "supply");
    return slot;
}

static subvm_word topic_of(subvm_address address) {
    uint8_t buffer[21];
    subvm_writer to = subvm_writing(buffer, sizeof buffer);
    subvm_write_address(&to, address);
    return subvm_topic(subvm_written(&to));
}

static void pay(subvm_address from, subvm_address to, subvm_u128 amount) {
    subvm_word slot = slot_of("balances", &from, 1);
    subvm_u128 left = subvm_get_u128(&slot, "balances");
    if (!subvm_sub(&left, amount)) subvm_fail("the balance is too small");
    subvm_set_u128(&slot, left);
    slot = slot_of("balances", &to, 1);
    subvm_u128 has = subvm_get_u128(&slot, "balances");
    /* All balances together are the supply. */
    if (!subvm_add(&has, amount)) subvm_fail("the balance is too large");
    subvm_set_u128(&slot, has);

    uint8_t buffer[96];
    subvm_writer fields = subvm_writing(buffer, sizeof buffer);
    subvm_write_map(&fields, 3);
    subvm_write_key(&fields, "amount");
    subvm_write_u128(&fields, amount);
    subvm_write_key(&fields, "from");
    subvm_write_address(&fields, from);
    subvm_write_key(&fields, "to");
    subvm_write_address(&fields, to);
    subvm_word topics[] = {subvm_topic(subvm_text("Transferred")), topic_of(from), topic_of(to)};
    subvm_emit(topics, 3, subvm_written(&fields));
}

static void init(const subvm_message *message) {
    subvm_reader call = message->call;
    subvm_not_payable(message);
    subvm_enter(&call);
    subvm_u128 supply = subvm_field_u128(&call, "supply");
    subvm_end(&call);
    subvm_word slot = supply_slot();
    subvm_set_u128(&slot, supply);
    slot = slot_of("balances", &message->sender, 1);
    subvm_set_u128(&slot, supply);
}

SUBVM_EXPORT("_start") void start(void) {
    subvm_message message = subvm_read_message();
    subvm_reader call = message.call;
    if (message.is_init) {
        init(&message);
        return;
    }
    bool supply = subvm_is_method(&message, "supply"), balance_of = subvm_is_method(&message, "balance_of");
    bool transfer = subvm_is_method(&message, "transfer"), transfer_from = subvm_is_method(&message, "transfer_from");
    bool approve = subvm_is_method(&message, "approve");
    if (!(supply || balance_of || transfer || transfer_from || approve)) subvm_no_such_method(&message);

    subvm_not_payable(&message);
    subvm_enter(&call);
    subvm_u128 amount = subvm_wide(0);
    subvm_address owner = message.sender, other = message.sender;
    /* In the order of the keys. */
    if (transfer || transfer_from || approve) amount = subvm_field_u128(&call, "amount");
    subvm_skip_field(&call, "method");
    if (balance_of || transfer_from) owner = subvm_field_address(&call, "owner");
    if (approve) other = subvm_field_address(&call, "spender");
    if (transfer || transfer_from) other = subvm_field_address(&call, "to");
    subvm_end(&call);

    subvm_word slot;
    if (supply) {
        slot = supply_slot();
        subvm_return_u128(subvm_get_u128(&slot, "supply"));
    }
    if (balance_of) {
        slot = slot_of("balances", &owner, 1);
        subvm_return_u128(subvm_get_u128(&slot, "balances"));
    }
    if (approve || transfer_from) {
        subvm_address pair[] = {owner, approve ? other : message.sender};
        slot = slot_of("allowances", pair, 2);
        subvm_u128 allowance = amount;
        if (transfer_from) {
            allowance = subvm_get_u128(&slot, "allowances");
            if (!subvm_sub(&allowance, amount)) subvm_fail("the allowance is too small");
        }
        subvm_set_u128(&slot, allowance);
    }
    if (transfer || transfer_from) pay(owner, other, amount);
}
