/* What the programs beside this file expect of an error; behind node.c, which includes what it needs. */

/* Whether `error` has this code, and its text this part; frees it. */
static void expect_at(int line, subvm_error_t *error, uint32_t code, const char *part)
{
    const char *why = error ? subvm_error_message(error) : "no error";
    if (subvm_error_code(error) != code || !strstr(why, part)) {
        fprintf(stderr, "line %d: %u, %s, in place of %u, %s\n", line, subvm_error_code(error), why, code, part);
        exit(1);
    }
    subvm_error_free(error);
}

#define EXPECT(error, code, part) expect_at(__LINE__, error, code, part)
