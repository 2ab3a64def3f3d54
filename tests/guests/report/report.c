// A plain command-line program, written for no runtime in particular: it reports what a WASI host gives it.
//
//   report FILE DIRECTORY CODE
//
// prints its arguments and environment, statistics of the numbers in FILE, the names in DIRECTORY, floats in many
// formats, the time and 8 random bytes, and exits with CODE. The last two lines apart, the output depends on the
// arguments, the environment and the files alone.

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void report_arguments(int argc, char **argv) {
    for (int i = 0; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
}

// Sorted: hosts differ in their order.
static void report_environment(void) {
    size_t count = 0;
    while (environ[count]) count++;
    qsort(environ, count, sizeof *environ, by_text);
    for (size_t i = 0; i < count; i++) printf("environment: %s\n", environ[i]);
}

// The file holds one number a line.
static int report_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return 0;
    }
    double number, sum = 0, squares = 0, product = 1;
    int count = 0;
    while (fscanf(file, "%lf", &number) == 1) {
        sum += number;
        squares += number * number;
        product *= number;
        count++;
    }
    fclose(file);
    double mean = sum / count;
    printf("file: %d numbers, sum %.17g, mean %.6f, deviation %.12f, product %e\n", count, sum, mean,
           sqrt(squares / count - mean * mean), product);
    return 1;
}

// Not every host lists these.
static int is_no_dot(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int report_directory(const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, is_no_dot, alphasort);
    if (count < 0) {
        perror(path);
        return 0;
    }
    for (int i = 0; i < count; i++) printf("directory: %s\n", entries[i]->d_name);
    return 1;
}

static void report_floats(void) {
    static const double values[] = {0.0, -0.0, 1.0 / 3, -2.5, 1e22, 123456789.125, DBL_MIN, DBL_TRUE_MIN, DBL_MAX, HUGE_VAL};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        volatile double x = values[i]; // computed when it runs, not when it is compiled
        printf("float: %g %.17g %.3e %a half %g root %.15g single %.9g\n", x, x, x, x, x / 2, sqrt(fabs(x)), (float)x);
    }
    for (int i = 0; i <= 4; i++) {
        volatile double x = i * 0.7 - 1.1;
        printf("function: x %+.2f sin %.15f cos %.15f atan %.15f exp %.15f cbrt %.15f floor %g\n", x, sin(x), cos(x),
               atan(x), exp(x), cbrt(x), floor(x));
    }
    double harmonic = 0, compound = 1, wave = 0;
    for (int i = 1; i <= 1000; i++) {
        harmonic += 1.0 / i;
        compound *= 1.001;
        wave += sin(i) * log(i) / pow(i, 0.25);
    }
    volatile double zero = 0;
    printf("sums: harmonic %.16g compound %.16g wave %.16g\n", harmonic, compound, wave);
    printf("not a number: %g equal to itself: %d\n", fabs(zero / zero), zero / zero == zero / zero);
}

static int report_clock_and_random(void) {
    struct timespec now;
    unsigned char bytes[8];
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || getentropy(bytes, sizeof bytes) != 0) {
        perror("clock or random");
        return 0;
    }
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime(&now.tv_sec));
    printf("time: %s.%09ldZ\nrandom:", text, now.tv_nsec);
    for (size_t i = 0; i < sizeof bytes; i++) printf(" %02x", bytes[i]);
    printf("\n");
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: report FILE DIRECTORY CODE\n");
        return 2;
    }
    report_arguments(argc, argv);
    report_environment();
    if (!report_file(argv[1]) || !report_directory(argv[2])) return 1;
    report_floats();
    if (!report_clock_and_random()) return 1;
    fprintf(stderr, "report: done, exit code %s\n", argv[3]);
    return atoi(argv[3]);
}
