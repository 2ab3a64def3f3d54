// Lists a directory, sorted, and copies each of its files to standard output: what a C library makes of a file tree.
//
//   listing DIRECTORY

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int is_no_dot(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int copy(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    char line[256];
    while (fgets(line, sizeof line, file)) printf("| %s", line);
    fclose(file);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: listing DIRECTORY\n");
        return 2;
    }
    struct dirent **entries;
    int count = scandir(argv[1], &entries, is_no_dot, alphasort);
    if (count < 0) {
        perror(argv[1]);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        if (stat(path, &status) != 0) {
            perror(path);
            return 1;
        }
        if (S_ISDIR(status.st_mode)) {
            printf("%s/\n", path);
            continue;
        }
        printf("%s %lld\n", path, (long long)status.st_size);
        if (!copy(path)) {
            perror(path);
            return 1;
        }
    }
    return 0;
}
