/*
 * The node of node.c with a ledger in the place of its store: what its runs read is a snapshot, what they come to is applied, and each of them is
 * recorded and run again.
 *
 *   cc -I../include kept.c -L<where libsubvm is> -lsubvm -o kept
 *   ./kept ../../../examples/oracle/oracle.wasm wasmtime anywhere <a directory that is there and empty>
 */
#define main demonstration
#include "node.c"
#undef main

#include "expect.h"

static const subvm_bytes_t NOTHING = {NULL, 0};

static bool same(subvm_word_t one, subvm_word_t other)
{
    return memcmp(&one, &other, sizeof one) == 0;
}

/* A path below the directory that the program was given, in memory that the next call changes. */
static subvm_bytes_t below(const char *directory, const char *name)
{
    static char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path);
    return text(path);
}

/* ---- Runs that read a snapshot, and are watched. ---- */

static subvm_error_t *run_watched(const struct network *network, subvm_snapshot_t *snapshot, subvm_bytes_t message, uint32_t role,
                                  subvm_bytes_t leader, const subvm_watch_t *watch, subvm_report_t **report)
{
    struct web web = {0};
    subvm_storage_t storage;
    must(subvm_snapshot_storage(snapshot, &storage));
    subvm_host_t host = host_of(network->package);
    subvm_modules_t modules = modules_of(&web);
    subvm_node_t node = {sizeof node, &storage, &CLOCK, &RNG, &host, &modules};
    subvm_run_t run = {.size = sizeof run, .message = message, .params = subvm_buffer_bytes(network->params), .role = role,
                       .leader = leader, .callbacks = network->callbacks, .deadline_nanos = 600000000000u};
    return subvm_run_watched(network->engine, &node, &run, watch, report);
}

static subvm_recorded_t ended(const subvm_recording_t *recording)
{
    subvm_recorded_t recorded;
    subvm_buffer_t *why = subvm_buffer_new();
    must(subvm_recording_ended(recording, &recorded, why));
    CHECK(recorded.complete && subvm_buffer_bytes(why).len == 0 && recorded.bytes > 0 && recorded.calls > 0);
    subvm_buffer_free(why);
    return recorded;
}

/* Runs a recording again: whether it is the recorded run, and then that it came to the same receipt. */
static void replays(const struct network *network, subvm_replay_t asked, subvm_recorded_t recorded, subvm_word_t receipt)
{
    asked.size = sizeof asked;
    subvm_replayed_t replayed;
    subvm_report_t *report = NULL;
    subvm_buffer_t *why = subvm_buffer_new();
    must(subvm_replay(network->engine, &asked, &replayed, why, &report));
    say("replay", why);
    CHECK(replayed.verdict == SUBVM_VERDICT_SAME && replayed.error == 0 && replayed.calls == recorded.calls);
    CHECK(same(replayed.trace, recorded.trace) && report);
    CHECK(same(subvm_receipt_digest(subvm_report_receipt(report)), receipt));
    subvm_report_free(report);
}

/* One block of one transaction: a leader, recorded to a file, and a validator, recorded in memory; the ledger gets what they agree on. */
static void block(const struct network *network, subvm_ledger_t *ledger, uint64_t height, const char *call, const char *directory)
{
    subvm_buffer_t *message = message_of(call);
    subvm_snapshot_t *snapshot = NULL;
    must(subvm_ledger_snapshot(ledger, NULL, &snapshot));
    char name[32], path[4096];
    snprintf(name, sizeof name, "leader-%d.rec", (int)height);
    snprintf(path, sizeof path, "%s/%s", directory, name);

    subvm_recording_options_t options = {.size = sizeof options, .file = text(path), .code = true, .each_call = height == 2};
    subvm_recording_t *to_file = NULL, *in_memory = NULL;
    must(subvm_recording_new(&options, &to_file));
    EXPECT(subvm_recording_new(&options, &in_memory), SUBVM_ERROR_IO, name);
    must(subvm_recording_new(NULL, &in_memory));

    subvm_report_t *leader = NULL, *own = NULL;
    subvm_watch_t watch = {.size = sizeof watch, .recording = to_file};
    must(run_watched(network, snapshot, subvm_buffer_bytes(message), SUBVM_ROLE_LEADER, NOTHING, &watch, &leader));
    show("leader", leader);
    const subvm_receipt_t *receipt = subvm_report_receipt(leader);
    watch.recording = in_memory;
    must(run_watched(network, snapshot, subvm_buffer_bytes(message), SUBVM_ROLE_VALIDATOR, subvm_receipt_proposal(receipt), &watch,
                     &own));
    show("validator", own);
    EXPECT(run_watched(network, snapshot, subvm_buffer_bytes(message), SUBVM_ROLE_LEADER, NOTHING, &watch, &own), SUBVM_ERROR_ARGUMENT,
           "make one for each");

    /* The trace is of what is the same on every node, whatever its role. */
    subvm_recorded_t of_leader = ended(to_file), of_validator = ended(in_memory);
    CHECK(same(of_leader.trace, of_validator.trace) && of_leader.steps == of_validator.steps);
    CHECK(subvm_recording_bytes(to_file).len == 0 && subvm_recording_bytes(in_memory).len == of_validator.bytes);
    subvm_word_t digest = subvm_receipt_digest(receipt);
    replays(network, (subvm_replay_t){.file = text(path)}, of_leader, digest);
    /* The other holds no code: it is given. */
    const subvm_package_t *packages[] = {network->package};
    replays(network, (subvm_replay_t){.recording = subvm_recording_bytes(in_memory), .packages = packages, .packages_len = 1},
            of_validator, digest);

    subvm_applied_t applied = {.contract = CONTRACT, .receipt = receipt};
    must(subvm_ledger_apply(ledger, height, &applied, 1));
    /* What was applied does not show in a snapshot of before. */
    subvm_heights_t before, after;
    must(subvm_snapshot_heights(snapshot, &before));
    must(subvm_ledger_heights(ledger, &after));
    CHECK(before.accepted == height - 1 && after.accepted == height && after.finalized == 0 && after.lowest == 0);

    subvm_recording_free(to_file);
    subvm_recording_free(in_memory);
    subvm_report_free(own);
    subvm_report_free(leader);
    subvm_snapshot_free(snapshot);
    subvm_buffer_free(message);
}

/* ---- What a recording can be beside the recorded run. ---- */

static void verdicts(const struct network *network, subvm_ledger_t *ledger)
{
    subvm_buffer_t *message = message_of("{\"method\": \"get\"}"), *why = subvm_buffer_new();
    subvm_snapshot_t *snapshot = NULL;
    must(subvm_ledger_snapshot(ledger, NULL, &snapshot));
    subvm_recording_t *whole = NULL, *small = NULL;
    subvm_recorded_t recorded;
    subvm_recording_options_t options = {.size = sizeof options, .code = true, .bytes = 400};
    must(subvm_recording_new(NULL, &whole));
    must(subvm_recording_new(&options, &small));
    EXPECT(subvm_recording_ended(whole, &recorded, NULL), SUBVM_ERROR_ARGUMENT, "no run that had it has ended");
    CHECK(subvm_recording_bytes(whole).len == 0 && subvm_recording_bytes(NULL).len == 0);

    subvm_report_t *report = NULL;
    subvm_watch_t watch = {.size = 1, .recording = whole};
    EXPECT(run_watched(network, snapshot, subvm_buffer_bytes(message), SUBVM_ROLE_LEADER, NOTHING, &watch, &report),
           SUBVM_ERROR_ARGUMENT, "subvm_watch_t.size is 1");
    watch.size = sizeof watch;
    /* A run that does not begin leaves a recording as it is. */
    EXPECT(run_watched(network, snapshot, NOTHING, SUBVM_ROLE_LEADER, NOTHING, &watch, &report), SUBVM_ERROR_FORMAT, "message");
    must(run_watched(network, snapshot, subvm_buffer_bytes(message), SUBVM_ROLE_LEADER, NOTHING, &watch, &report));
    subvm_report_free(report);
    ended(whole);
    watch.recording = small;
    must(run_watched(network, snapshot, subvm_buffer_bytes(message), SUBVM_ROLE_LEADER, NOTHING, &watch, &report));
    subvm_report_free(report);
    must(subvm_recording_ended(small, &recorded, why));
    CHECK(!recorded.complete && recorded.bytes <= 400);
    say("cut", why);

    subvm_replayed_t replayed;
    subvm_replay_t asked = {.size = sizeof asked};
    report = (subvm_report_t *)&asked;
    EXPECT(subvm_replay(network->engine, &asked, &replayed, NULL, NULL), SUBVM_ERROR_ARGUMENT, "both empty");
    asked.recording = subvm_recording_bytes(whole);
    must(subvm_replay(network->engine, &asked, &replayed, NULL, &report));
    CHECK(replayed.verdict == SUBVM_VERDICT_NO_PACKAGE && !report);
    const subvm_package_t *packages[] = {network->package};
    asked.packages = packages, asked.packages_len = 1;
    EXPECT(subvm_replay(network->engine, &asked, NULL, NULL, NULL), SUBVM_ERROR_ARGUMENT, "replayed is NULL");
    asked.file = text("no/such/file");
    EXPECT(subvm_replay(network->engine, &asked, &replayed, NULL, NULL), SUBVM_ERROR_ARGUMENT, "both there");
    asked.recording = NOTHING;
    EXPECT(subvm_replay(network->engine, &asked, &replayed, NULL, NULL), SUBVM_ERROR_IO, "no/such/file");
    asked.file = NOTHING;
    asked.recording = text("a text");
    EXPECT(subvm_replay(network->engine, &asked, &replayed, NULL, NULL), SUBVM_ERROR_FORMAT, "not a recording");
    /* A byte that is another one. */
    subvm_bytes_t honest = subvm_recording_bytes(whole);
    uint8_t *bytes = malloc(honest.len);
    CHECK(bytes);
    memcpy(bytes, honest.data, honest.len);
    bytes[honest.len / 2] ^= 1;
    asked.recording = (subvm_bytes_t){bytes, honest.len};
    EXPECT(subvm_replay(network->engine, &asked, &replayed, NULL, NULL), SUBVM_ERROR_DAMAGED, "damaged");
    bytes[honest.len / 2] ^= 1;
    bytes[8] = 99;
    EXPECT(subvm_replay(network->engine, &asked, &replayed, NULL, NULL), SUBVM_ERROR_RELEASE, "version 99");
    free(bytes);

    subvm_recording_free(whole);
    subvm_recording_free(small);
    subvm_snapshot_free(snapshot);
    subvm_buffer_free(message);
}

/* ---- The ledger. ---- */

/* Whether the ledger holds what the contract answered with: what was stored has its text in it. */
static bool holds(subvm_snapshot_t *snapshot, const subvm_page_t *page)
{
    uint8_t content[32];
    memset(content, 0xee, sizeof content);
    must(subvm_snapshot_read(snapshot, SUBVM_STATE_ACCEPTED, &CONTRACT, &page->slot, 32 * page->page, content, sizeof content));
    return memcmp(content, page->content.bytes, sizeof content) == 0;
}

static const subvm_page_t PAGE = {{{7}}, 3, {{1, 2, 3}}};

static void heights(subvm_ledger_t *ledger, subvm_bytes_t rules)
{
    subvm_applied_t applied = {.contract = CONTRACT, .pages = &PAGE, .pages_len = 1}, both = applied;
    subvm_snapshot_t *now = NULL, *then = NULL;
    subvm_heights_t found;
    subvm_page_t outside = PAGE;
    outside.page = 1 << 27;
    must(subvm_ledger_apply(ledger, 4, &applied, 1));
    EXPECT(subvm_ledger_apply(ledger, 3, &applied, 1), SUBVM_ERROR_HEIGHT, "block height 3 is below 4");
    applied.pages = &outside;
    EXPECT(subvm_ledger_apply(ledger, 4, &applied, 1), SUBVM_ERROR_ARGUMENT, "outside its slot");
    EXPECT(subvm_ledger_apply(ledger, 4, NULL, 1), SUBVM_ERROR_ARGUMENT, "receipts is NULL");
    both.pages_len = (size_t)-1;
    EXPECT(subvm_ledger_apply(ledger, 4, &both, 1), SUBVM_ERROR_ARGUMENT, "beyond all memory");

    must(subvm_ledger_snapshot(ledger, NULL, &now));
    must(subvm_ledger_snapshot(ledger, &(uint64_t){3}, &then));
    EXPECT(subvm_ledger_snapshot(ledger, &(uint64_t){5}, &then), SUBVM_ERROR_HEIGHT, "no state of height 5 yet");
    CHECK(holds(now, &PAGE) && !holds(then, &PAGE));
    EXPECT(subvm_snapshot_read(now, 2, &CONTRACT, &PAGE.slot, 0, (uint8_t[1]){0}, 1), SUBVM_ERROR_ARGUMENT, "no SUBVM_STATE_*");
    EXPECT(subvm_snapshot_read(now, 0, &CONTRACT, &PAGE.slot, UINT32_MAX, (uint8_t[2]){0}, 2), SUBVM_ERROR_ARGUMENT, "");
    EXPECT(subvm_snapshot_read(now, 0, &CONTRACT, &PAGE.slot, 0, NULL, 2), SUBVM_ERROR_ARGUMENT, "into is NULL");
    must(subvm_snapshot_read(now, 0, &CONTRACT, &PAGE.slot, 0, NULL, 0));

    /* Whoever has the root believes the proof, and no other. */
    subvm_word_t roots[2], content;
    subvm_buffer_t *proof = subvm_buffer_new(), *kept = subvm_buffer_new();
    for (uint64_t height = 3; height < 5; height++) {
        must(subvm_snapshot_root(now, height, &roots[height - 3]));
        must(subvm_snapshot_prove(now, height, &CONTRACT, &PAGE.slot, PAGE.page, proof));
        must(subvm_proof_page(subvm_buffer_bytes(proof), &roots[height - 3], &CONTRACT, &PAGE.slot, PAGE.page, &content));
        CHECK(same(content, PAGE.content) == (height == 4));
    }
    CHECK(!same(roots[0], roots[1]));
    EXPECT(subvm_proof_page(subvm_buffer_bytes(proof), &roots[0], &CONTRACT, &PAGE.slot, PAGE.page, &content), SUBVM_ERROR_REFUSED,
           "another root");
    EXPECT(subvm_proof_page(NOTHING, &roots[0], &CONTRACT, &PAGE.slot, 0, &content), SUBVM_ERROR_FORMAT, "not a proof");

    must(subvm_snapshot_rules(now, kept));
    CHECK(subvm_buffer_bytes(kept).len == rules.len && memcmp(subvm_buffer_bytes(kept).data, rules.data, rules.len) == 0);
    subvm_buffer_free(proof);
    subvm_buffer_free(kept);
    EXPECT(subvm_ledger_compact(ledger), SUBVM_ERROR_ARGUMENT, "drop its snapshots");
    subvm_snapshot_free(now);
    subvm_snapshot_free(then);

    must(subvm_ledger_finalize(ledger, 2));
    EXPECT(subvm_ledger_rollback(ledger, 1), SUBVM_ERROR_HEIGHT, "block height 1 is below 2");
    must(subvm_ledger_rollback(ledger, 3));
    EXPECT(subvm_ledger_prune(ledger, 3), SUBVM_ERROR_HEIGHT, "final up to 2 only");
    must(subvm_ledger_heights(ledger, &found));
    CHECK(found.accepted == 3 && found.finalized == 2 && found.lowest == 0);
    must(subvm_ledger_prune(ledger, 1));
    must(subvm_ledger_heights(ledger, &found));
    CHECK(found.lowest == 1);
    must(subvm_ledger_compact(ledger));
}

/* The rules of blocks that are there stay, those of blocks that come may change. */
static subvm_buffer_t *rules_of(const struct network *network, subvm_ledger_t *ledger)
{
    subvm_params_t other;
    subvm_buffer_t *changed = subvm_buffer_new(), *rules = subvm_buffer_new(), *late = subvm_buffer_new(), *at = subvm_buffer_new();
    must(subvm_params_default(&other));
    other.fingerprints = false;
    must(subvm_params_encode(&other, changed));
    subvm_rule_t sets[] = {{1, subvm_buffer_bytes(network->params)}, {100, subvm_buffer_bytes(changed)}};
    must(subvm_rules_encode(sets, 2, rules));
    must(subvm_rules_at(subvm_buffer_bytes(rules), 99, at));
    CHECK(subvm_buffer_bytes(at).len == sets[0].params.len);
    CHECK(memcmp(subvm_buffer_bytes(at).data, sets[0].params.data, sets[0].params.len) == 0);
    must(subvm_rules_at(subvm_buffer_bytes(rules), 100, at));
    CHECK(memcmp(subvm_buffer_bytes(at).data, sets[1].params.data, sets[1].params.len) == 0);
    EXPECT(subvm_rules_at(subvm_buffer_bytes(rules), 0, at), SUBVM_ERROR_HEIGHT, "height 0 has no rules");
    EXPECT(subvm_rules_at(text("x"), 1, at), SUBVM_ERROR_FORMAT, "not rules by height");
    EXPECT(subvm_rules_encode(sets, 0, late), SUBVM_ERROR_ARGUMENT, "at least one");
    must(subvm_rules_encode(&(subvm_rule_t){5, sets[0].params}, 1, late));
    EXPECT(subvm_ledger_set_rules(ledger, subvm_buffer_bytes(late)), SUBVM_ERROR_HEIGHT, "height 1 has no rules");
    sets[0].height = 100;
    EXPECT(subvm_rules_encode(sets, 2, late), SUBVM_ERROR_ARGUMENT, "ascending");
    must(subvm_ledger_set_rules(ledger, subvm_buffer_bytes(rules)));
    subvm_buffer_free(changed);
    subvm_buffer_free(late);
    subvm_buffer_free(at);
    return rules;
}

/* The conformance kit, over ledgers: several of them are there at once. */
struct tested {
    subvm_snapshot_t *snapshots[64];
    subvm_ledger_t *ledgers[64];
    size_t len;
};

static int32_t make_ledger(void *context, const subvm_written_t *written, size_t len, subvm_storage_t *made, subvm_buffer_t *error)
{
    (void)error;
    subvm_ledger_t *ledger = NULL;
    subvm_snapshot_t *snapshot = NULL;
    must(subvm_ledger_in_memory(&ledger));
    /* What is finalized lies below what is accepted. */
    for (uint64_t height = 1; height < 3; height++) {
        for (size_t i = 0; i < len; i++) {
            subvm_applied_t applied = {.contract = written[i].contract, .pages = &written[i].page, .pages_len = 1};
            if (written[i].state == (height == 1 ? SUBVM_STATE_FINALIZED : SUBVM_STATE_ACCEPTED))
                must(subvm_ledger_apply(ledger, height, &applied, 1));
        }
        if (height == 1)
            must(subvm_ledger_finalize(ledger, 1));
    }
    must(subvm_ledger_snapshot(ledger, NULL, &snapshot));
    must(subvm_snapshot_storage(snapshot, made));
    struct tested *tested = context;
    CHECK(tested->len < 64);
    tested->snapshots[tested->len] = snapshot;
    tested->ledgers[tested->len++] = ledger;
    return 0;
}

static void release_ledger(void *context, const subvm_storage_t *made)
{
    struct tested *tested = context;
    size_t at = 0;
    while (tested->snapshots[at] != made->context)
        CHECK(++at < tested->len);
    subvm_snapshot_free(tested->snapshots[at]);
    subvm_ledger_free(tested->ledgers[at]);
    /* Memory may be given out again. */
    tested->snapshots[at] = NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 5 && subvm_abi_version() == SUBVM_ABI_VERSION);
    const char *directory = argv[4];
    subvm_engine_options_t engine = {.size = sizeof engine,
                                     .kind = strcmp(argv[2], "wasmi") == 0 ? SUBVM_ENGINE_WASMI : SUBVM_ENGINE_WASMTIME};
    struct network network = {NULL, package_of(argv[1]), subvm_buffer_new(), SUBVM_CALLBACKS_ANYWHERE};
    if (strcmp(argv[3], "on-caller") == 0)
        network.callbacks = SUBVM_CALLBACKS_ON_CALLER;
    must(subvm_engine_new(&engine, &network.engine));
    subvm_params_t params;
    must(subvm_params_default(&params));
    must(subvm_params_encode(&params, network.params));

    subvm_ledger_t *ledger = NULL, *second = NULL;
    subvm_ledger_options_t options = {.size = sizeof options, .cache_bytes = 1 << 10, .history = 10};
    EXPECT(subvm_ledger_open(NOTHING, NULL, &ledger), SUBVM_ERROR_ARGUMENT, "directory is empty");
    EXPECT(subvm_ledger_open(below(directory, "ledger"), &options, &ledger), SUBVM_ERROR_ARGUMENT, "a cache of less than 1 MiB");
    options.cache_bytes = 16 << 20;
    must(subvm_ledger_open(below(directory, "ledger"), &options, &ledger));
    EXPECT(subvm_ledger_open(below(directory, "ledger"), NULL, &second), SUBVM_ERROR_LOCKED, "is in use");
    subvm_buffer_t *rules = rules_of(&network, ledger);

    block(&network, ledger, 1, "{\"method\": \"ask\", \"url\": \"https://example.org/price\"}", directory);
    block(&network, ledger, 2, "{\"method\": \"get\"}", directory);
    block(&network, ledger, 3, "{\"method\": \"fail\", \"message\": \"as you asked\"}", directory);
    subvm_rule_t past = {1, subvm_buffer_bytes(network.params)};
    subvm_params_t other = params;
    subvm_buffer_t *changed = subvm_buffer_new();
    other.fingerprints = false;
    must(subvm_params_encode(&other, changed));
    past.params = subvm_buffer_bytes(changed);
    /* A buffer may be made of its own bytes. */
    must(subvm_rules_encode(&past, 1, changed));
    EXPECT(subvm_ledger_set_rules(ledger, subvm_buffer_bytes(changed)), SUBVM_ERROR_HEIGHT, "ran under other rules");
    subvm_buffer_free(changed);
    verdicts(&network, ledger);
    heights(ledger, subvm_buffer_bytes(rules));

    /* A backup, and the ledger itself after a restart, are what it was. */
    subvm_snapshot_t *snapshot = NULL;
    subvm_word_t root, again;
    must(subvm_ledger_snapshot(ledger, NULL, &snapshot));
    must(subvm_snapshot_root(snapshot, 3, &root));
    must(subvm_snapshot_backup(snapshot, below(directory, "backup")));
    EXPECT(subvm_snapshot_backup(snapshot, below(directory, "backup")), SUBVM_ERROR_ARGUMENT, "there is a ledger already");
    EXPECT(subvm_snapshot_backup(snapshot, below(directory, "ledger")), SUBVM_ERROR_LOCKED, "is in use");
    subvm_snapshot_free(snapshot);
    subvm_ledger_free(ledger);
    options.unverified = true;
    for (int i = 0; i < 2; i++) {
        must(subvm_ledger_open(below(directory, i ? "ledger" : "backup"), i ? &options : NULL, &ledger));
        must(subvm_ledger_snapshot(ledger, NULL, &snapshot));
        must(subvm_snapshot_root(snapshot, 3, &again));
        CHECK(same(root, again));
        subvm_snapshot_free(snapshot);
        subvm_ledger_free(ledger);
    }
    struct tested tested = {0};
    must(subvm_check_storage(make_ledger, release_ledger, &tested));
    printf("the ledger keeps its promises\n");

    subvm_buffer_free(rules);
    subvm_buffer_free(network.params);
    subvm_package_free(network.package);
    subvm_engine_free(network.engine);
    return 0;
}
