/*
 * A node in one file: all that subvm_run asks of one, a leader, two validators, a node that catches up, their votes, and a store that receipts are
 * applied to.
 *
 *   cc -I../include node.c -L<where libsubvm is> -lsubvm -o node
 *   ./node ../../../examples/oracle/oracle.wasm wasmtime
 *
 * The contract asks the web for a price. Here the web is a page in memory, so that nothing leaves the process; whatever a node asks in its place,
 * threads of its own do it between `start` and `wait`.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "subvm_host.h"

/* 2026-01-01T00:00:00Z, in nanoseconds: the block's instant, which all nodes agree on. */
#define NOW 1767225600000000000u

static const subvm_address_t CONTRACT = {{0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, //
                                          0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0}};
static const subvm_address_t SENDER = {{0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, //
                                        0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e, 0x5e}};

/* Ends the process where something failed that must not. */
static void must(subvm_error_t *error)
{
    if (!error)
        return;
    fprintf(stderr, "error %u: %s\n", subvm_error_code(error), subvm_error_message(error));
    subvm_error_free(error);
    exit(1);
}

#define CHECK(holds) ((holds) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds), exit(1)))

static subvm_bytes_t text(const char *text)
{
    return (subvm_bytes_t){(const uint8_t *)text, strlen(text)};
}

/* Why a callback failed. */
static int32_t failed(subvm_buffer_t *error, const char *why)
{
    subvm_buffer_append(error, (const uint8_t *)why, strlen(why));
    return 1;
}

/* ---- The store: pages in the order in which they were written. ---- */

struct store {
    subvm_written_t *pages;
    size_t len, room;
};

static void store_write(struct store *store, uint32_t state, const subvm_address_t *contract, const subvm_page_t *page)
{
    if (store->len == store->room) {
        store->room = store->room ? 2 * store->room : 16;
        store->pages = realloc(store->pages, store->room * sizeof *store->pages);
        CHECK(store->pages);
    }
    store->pages[store->len++] = (subvm_written_t){state, *contract, *page};
}

static int32_t storage_read(void *context, uint32_t state, const subvm_address_t *contract, const subvm_word_t *slot,
                            uint32_t index, uint8_t *into, size_t len, subvm_buffer_t *error)
{
    (void)error;
    const struct store *store = context;
    memset(into, 0, len);
    for (size_t i = 0; i < store->len; i++) {
        const subvm_written_t *written = &store->pages[i];
        if (memcmp(&written->contract, contract, sizeof *contract) || memcmp(&written->page.slot, slot, sizeof *slot))
            continue;
        /* What is only accepted does not show in the finalized state. */
        if (state == SUBVM_STATE_FINALIZED && written->state == SUBVM_STATE_ACCEPTED)
            continue;
        uint64_t at = 32 * (uint64_t)written->page.page;
        for (uint64_t byte = 0; byte < 32; byte++)
            if (at + byte >= index && at + byte - index < len)
                into[at + byte - index] = written->page.content.bytes[byte];
    }
    return 0;
}

/* ---- The clock, the generator. ---- */

static uint64_t clock_transaction_time(void *context)
{
    (void)context;
    return NOW;
}

static uint64_t clock_elapsed(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1000000000u * (uint64_t)now.tv_sec + (uint64_t)now.tv_nsec;
}

static int32_t rng_fill(void *context, uint8_t *into, size_t len, subvm_buffer_t *error)
{
    (void)context;
    FILE *source = fopen("/dev/urandom", "rb");
    bool filled = source && fread(into, 1, len, source) == len;
    if (source)
        fclose(source);
    return filled ? 0 : failed(error, "/dev/urandom gives no bytes");
}

/* ---- The chain: one contract, and no money. ---- */

static int32_t host_balance(void *context, uint32_t state, const subvm_address_t *address, subvm_word_t *balance,
                            subvm_buffer_t *error)
{
    (void)context, (void)state, (void)address, (void)error;
    memset(balance, 0, sizeof *balance);
    return 0;
}

static int32_t host_code(void *context, uint32_t state, const subvm_address_t *address, const subvm_package_t **package,
                         uint32_t *malformed, subvm_buffer_t *error)
{
    (void)state, (void)malformed, (void)error;
    /* Where nothing is set, there is no contract. */
    if (memcmp(address, &CONTRACT, sizeof CONTRACT) == 0)
        *package = context;
    return 0;
}

static int32_t host_locked_slots(void *context, const subvm_address_t *contract, subvm_buffer_t *slots, subvm_buffer_t *error)
{
    (void)context, (void)contract, (void)slots, (void)error;
    return 0;
}

static int32_t host_eth_call(void *context, uint32_t state, const subvm_address_t *address, subvm_bytes_t calldata,
                             uint32_t *answer, subvm_buffer_t *data, subvm_buffer_t *error)
{
    (void)context, (void)state, (void)address, (void)calldata, (void)data, (void)error;
    *answer = SUBVM_ETH_REFUSED;
    return 0;
}

static void host_output(void *context, uint32_t stream, subvm_bytes_t bytes)
{
    (void)context, (void)stream;
    /* A guest prints as much as it pays for; this is enough to see. */
    printf("  > %.*s\n", bytes.len < 80 ? (int)bytes.len : 80, (const char *)bytes.data);
}

/* ---- The web: one page. ---- */

struct web {
    uint64_t next;
    /* Which requests were started and are not spent. */
    bool waiting[64];
};

static int32_t modules_start(void *context, subvm_bytes_t request, uint64_t *id, subvm_buffer_t *error)
{
    struct web *web = context;
    subvm_buffer_t *readable = subvm_buffer_new();
    must(subvm_calldata_to_text(request, readable));
    subvm_bytes_t name = subvm_buffer_bytes(readable);
    bool asks_the_web = name.len > 13 && memcmp(name.data, "{\"WebRequest\":", 13) == 0;
    subvm_buffer_free(readable);
    if (!asks_the_web)
        return failed(error, "this node has no such module");
    if (web->next == 64)
        return failed(error, "too many requests");
    web->waiting[web->next] = true;
    *id = web->next++;
    return 0;
}

static int32_t modules_wait(void *context, uint64_t id, uint64_t at_most_nanos, bool *ready, subvm_buffer_t *answer,
                            subvm_buffer_t *error)
{
    struct web *web = context;
    (void)at_most_nanos;
    if (id >= 64 || !web->waiting[id])
        return failed(error, "no such request");
    web->waiting[id] = false;
    *ready = true;
    must(subvm_calldata_from_text(text("{\"ok\": {\"body\": b#3130312e3235, \"headers\": {}, \"status\": 200}}"), answer));
    return 0;
}

static void modules_cancel(void *context, uint64_t id)
{
    struct web *web = context;
    if (id < 64)
        web->waiting[id] = false;
}

/* ---- The five tables. ---- */

static subvm_storage_t storage_of(struct store *store)
{
    return (subvm_storage_t){sizeof(subvm_storage_t), store, storage_read};
}

static const subvm_clock_t CLOCK = {sizeof CLOCK, NULL, clock_transaction_time, clock_elapsed};
static const subvm_rng_t RNG = {sizeof RNG, NULL, rng_fill};

static subvm_host_t host_of(subvm_package_t *package)
{
    subvm_host_t table = {sizeof table, package, host_balance, host_code, host_locked_slots, host_eth_call, host_output};
    return table;
}

static subvm_modules_t modules_of(struct web *web)
{
    return (subvm_modules_t){sizeof(subvm_modules_t), web, modules_start, modules_wait, modules_cancel};
}

/* ---- Nodes, and what they do. ---- */

/* What all nodes of the demonstration have in common. */
struct network {
    subvm_engine_t *engine;
    subvm_package_t *package;
    subvm_buffer_t *params;
    uint32_t callbacks;
};

/* Runs one transaction on the node that has `store`. */
static subvm_error_t *run(const struct network *network, struct store *store, subvm_bytes_t message, uint32_t role,
                          subvm_bytes_t leader, subvm_report_t **report)
{
    struct web web = {0};
    subvm_storage_t storage = storage_of(store);
    subvm_host_t host = host_of(network->package);
    subvm_modules_t modules = modules_of(&web);
    subvm_node_t node = {sizeof node, &storage, &CLOCK, &RNG, &host, &modules};
    /* What is not named is zero: a contract, the accepted state, nobody who calls it off. */
    subvm_run_t run = {.size = sizeof run, .message = message, .params = subvm_buffer_bytes(network->params), .role = role,
                       .leader = leader, .callbacks = network->callbacks, .deadline_nanos = 600000000000u};
    return subvm_run(network->engine, &node, &run, report);
}

/* Applies a receipt that the nodes decided on: all of its pages, or, where the run failed, none. */
static void apply(struct store *store, const subvm_receipt_t *receipt)
{
    subvm_page_t page;
    for (size_t i = 0; subvm_receipt_page(receipt, i, &page); i++)
        store_write(store, SUBVM_STATE_ACCEPTED, &CONTRACT, &page);
}

/* Prints a line of a report, and frees what it says. */
static void say(const char *what, subvm_buffer_t *said)
{
    printf("  %-8s %.*s\n", what, (int)subvm_buffer_bytes(said).len, (const char *)subvm_buffer_bytes(said).data);
    subvm_buffer_free(said);
}

static void show(const char *name, const subvm_report_t *report)
{
    const subvm_receipt_t *receipt = subvm_report_receipt(report);
    subvm_bytes_t outcome = subvm_report_outcome(report);
    subvm_word_t digest = subvm_receipt_digest(receipt);
    subvm_gas_t gas = subvm_receipt_gas(receipt);
    CHECK(outcome.len > 0);
    printf("%s\n", name);
    if (outcome.data[0] == 0) {
        subvm_buffer_t *value = subvm_buffer_new();
        subvm_bytes_t returned = {outcome.data + 1, outcome.len - 1};
        must(subvm_calldata_to_text(returned, value));
        say("return", value);
    } else {
        printf("  failed   %.*s\n", (int)outcome.len - 1, (const char *)outcome.data + 1);
    }
    printf("  gas      %llu time, %llu storage, %llu data\n", (unsigned long long)gas.time, (unsigned long long)gas.storage,
           (unsigned long long)gas.data);
    printf("  receipt  ");
    for (size_t i = 0; i < sizeof digest.bytes; i++)
        printf("%02x%s", digest.bytes[i], i == 31 ? "\n" : "");
}

static subvm_buffer_t *message_of(const char *call)
{
    subvm_buffer_t *calldata = subvm_buffer_new(), *encoded = subvm_buffer_new();
    must(subvm_calldata_from_text(text(call), calldata));
    subvm_message_t message = {.size = sizeof message, .contract = CONTRACT, .sender = SENDER, .origin = SENDER,
                               .entry_data = subvm_buffer_bytes(calldata)};
    must(subvm_message_encode(&message, encoded));
    subvm_buffer_free(calldata);
    return encoded;
}

/* A validator's two rounds: it commits to a ballot before it sees the leader's receipt, and opens it afterwards. */
static bool votes_for(const subvm_report_t *own, const subvm_receipt_t *leader, subvm_bytes_t proposal)
{
    subvm_buffer_t *ballot = subvm_buffer_new();
    subvm_word_t about, salt, commitment, receipt = subvm_receipt_digest(leader);
    subvm_bytes_t key = text("the validator's public key");
    bool opens = false, agrees = false;
    must(subvm_proposal_digest(proposal, &about));
    CHECK(rng_fill(NULL, salt.bytes, sizeof salt.bytes, NULL) == 0);
    must(subvm_ballot(own, proposal, ballot));
    must(subvm_ballot_commit(subvm_buffer_bytes(ballot), &about, key, &salt, &commitment));
    must(subvm_commitment_opens(&commitment, subvm_buffer_bytes(ballot), &about, key, &salt, &opens));
    must(subvm_ballot_agrees(subvm_buffer_bytes(ballot), &receipt, &agrees));
    subvm_buffer_free(ballot);
    return opens && agrees;
}

/* One transaction on all nodes: the leader proposes, validators check and vote, one catches up, all apply. */
static void transact(const struct network *network, struct store stores[4], const char *call)
{
    static const char *const names[] = {"leader", "validator 1", "validator 2", "catching up"};
    subvm_buffer_t *message = message_of(call);
    subvm_bytes_t bytes = subvm_buffer_bytes(message), nothing = {NULL, 0};
    subvm_report_t *leader = NULL;
    must(run(network, &stores[0], bytes, SUBVM_ROLE_LEADER, nothing, &leader));
    show(names[0], leader);
    const subvm_receipt_t *receipt = subvm_report_receipt(leader);
    subvm_bytes_t proposal = subvm_receipt_proposal(receipt);
    for (int i = 1; i < 4; i++) {
        bool sync = i == 3;
        subvm_report_t *own = NULL;
        must(run(network, &stores[i], bytes, sync ? SUBVM_ROLE_SYNC : SUBVM_ROLE_VALIDATOR,
                 sync ? subvm_receipt_bytes(receipt) : proposal, &own));
        show(names[i], own);
        subvm_buffer_t *why = subvm_buffer_new();
        uint32_t vote = SUBVM_VOTE_TIMEOUT;
        must(subvm_vote(own, NULL, receipt, &vote, why));
        CHECK(vote == SUBVM_VOTE_AGREE && votes_for(own, receipt, proposal));
        say("vote", why);
        subvm_report_free(own);
    }
    for (int i = 0; i < 4; i++)
        apply(&stores[i], receipt);
    subvm_report_free(leader);
    subvm_buffer_free(message);
}

/* A leader that lies about the page is not agreed with. */
static void tamper(const struct network *network, struct store *store, const char *call)
{
    subvm_buffer_t *message = message_of(call);
    subvm_bytes_t nothing = {NULL, 0};
    subvm_report_t *leader = NULL, *own = NULL;
    must(run(network, store, subvm_buffer_bytes(message), SUBVM_ROLE_LEADER, nothing, &leader));
    const subvm_receipt_t *receipt = subvm_report_receipt(leader);
    subvm_bytes_t honest = subvm_receipt_proposal(receipt);
    uint8_t *lie = malloc(honest.len);
    CHECK(lie);
    memcpy(lie, honest.data, honest.len);
    size_t at = 0;
    while (at + 6 <= honest.len && memcmp(lie + at, "101.25", 6))
        at++;
    CHECK(at + 6 <= honest.len);
    lie[at + 5] = '6';
    subvm_bytes_t proposal = {lie, honest.len};
    must(run(network, store, subvm_buffer_bytes(message), SUBVM_ROLE_VALIDATOR, proposal, &own));
    CHECK(!votes_for(own, receipt, proposal));
    subvm_buffer_t *why = subvm_buffer_new();
    uint32_t vote = SUBVM_VOTE_AGREE;
    must(subvm_vote(own, NULL, receipt, &vote, why));
    CHECK(vote == SUBVM_VOTE_DISAGREE);
    printf("of a lie\n");
    say("vote", why);
    free(lie);
    subvm_report_free(own);
    subvm_report_free(leader);
    subvm_buffer_free(message);
}

/* ---- The conformance kit, over this node's own parts. ---- */

static int32_t make_storage(void *context, const subvm_written_t *written, size_t len, subvm_storage_t *made, subvm_buffer_t *error)
{
    (void)context, (void)error;
    struct store *store = calloc(1, sizeof *store);
    CHECK(store);
    for (size_t i = 0; i < len; i++)
        store_write(store, written[i].state, &written[i].contract, &written[i].page);
    *made = storage_of(store);
    return 0;
}

static void release_storage(void *context, const subvm_storage_t *made)
{
    (void)context;
    struct store *store = made->context;
    free(store->pages);
    free(store);
}

static int32_t make_clock(void *context, subvm_clock_t *made, subvm_buffer_t *error)
{
    (void)context, (void)error;
    *made = CLOCK;
    return 0;
}

static int32_t make_rng(void *context, subvm_rng_t *made, subvm_buffer_t *error)
{
    (void)context, (void)error;
    *made = RNG;
    return 0;
}

static void quiet(void *context, uint32_t stream, subvm_bytes_t bytes)
{
    (void)context, (void)stream, (void)bytes;
}

static int32_t make_host(void *context, subvm_host_t *made, subvm_buffer_t *error)
{
    (void)error;
    *made = host_of(context);
    made->output = quiet;
    return 0;
}

static int32_t make_modules(void *context, subvm_modules_t *made, subvm_buffer_t *error)
{
    (void)context, (void)error;
    *made = modules_of(calloc(1, sizeof(struct web)));
    CHECK(made->context);
    return 0;
}

static void release_modules(void *context, const subvm_modules_t *made)
{
    (void)context;
    free(made->context);
}

static void conforms(subvm_package_t *package)
{
    subvm_buffer_t *request = subvm_buffer_new(), *unknown = subvm_buffer_new();
    must(subvm_calldata_from_text(text("{\"WebRequest\": {\"url\": \"https://example.org/price\"}}"), request));
    must(subvm_calldata_from_text(text("{\"ExecPrompt\": {\"prompt\": \"a price?\"}}"), unknown));
    must(subvm_check_storage(make_storage, release_storage, NULL));
    must(subvm_check_clock(make_clock, NULL, NULL));
    must(subvm_check_rng(make_rng, NULL, NULL));
    must(subvm_check_host(&CONTRACT, &SENDER, make_host, NULL, package));
    must(subvm_check_modules(subvm_buffer_bytes(request), subvm_buffer_bytes(unknown), make_modules, release_modules, NULL));
    subvm_buffer_free(request);
    subvm_buffer_free(unknown);
    printf("all five parts keep their promises\n");
}

static subvm_package_t *package_of(const char *file)
{
    static uint8_t bytes[1 << 20];
    FILE *source = fopen(file, "rb");
    CHECK(source);
    size_t len = fread(bytes, 1, sizeof bytes, source);
    CHECK(len > 0 && len < sizeof bytes && fclose(source) == 0);
    subvm_parts_t parts = {.size = sizeof parts, .start = {bytes, len}};
    subvm_package_t *package = NULL;
    must(subvm_package_new(&parts, &package));
    return package;
}

int main(int argc, char **argv)
{
    CHECK(subvm_abi_version() == SUBVM_ABI_VERSION);
    CHECK(argc >= 3);
    subvm_engine_options_t options = {.size = sizeof options,
                                      .kind = strcmp(argv[2], "wasmi") == 0 ? SUBVM_ENGINE_WASMI : SUBVM_ENGINE_WASMTIME};
    struct network network = {NULL, package_of(argv[1]), subvm_buffer_new(), SUBVM_CALLBACKS_ANYWHERE};
    if (argc > 3 && strcmp(argv[3], "on-caller") == 0)
        network.callbacks = SUBVM_CALLBACKS_ON_CALLER;
    must(subvm_engine_new(&options, &network.engine));
    subvm_params_t params;
    must(subvm_params_default(&params));
    must(subvm_params_encode(&params, network.params));
    if (options.kind == SUBVM_ENGINE_WASMTIME) {
        uint64_t ticks = 0;
        must(subvm_engine_prepare(network.engine, network.package, subvm_buffer_bytes(network.params), &ticks));
        printf("deploying costs %llu ticks\n", (unsigned long long)ticks);
    }

    struct store stores[4] = {0};
    transact(&network, stores, "{\"method\": \"ask\", \"url\": \"https://example.org/price\"}");
    transact(&network, stores, "{\"method\": \"get\"}");
    transact(&network, stores, "{\"method\": \"fail\", \"message\": \"as you asked\"}");
    tamper(&network, &stores[0], "{\"method\": \"ask\", \"url\": \"https://example.org/price\"}");
    conforms(network.package);

    for (int i = 0; i < 4; i++)
        free(stores[i].pages);
    subvm_buffer_free(network.params);
    subvm_package_free(network.package);
    subvm_engine_free(network.engine);
    return 0;
}
