#include "twin/inputs.h"

#include "models/workload/chip.h"
#include "sim/data.h"
#include "twin/deploy.h"
#include "twin/facility.h"
#include "twin/reference.h"

#include <dirent.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool hash_file(SHA2_CTX *to, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    static _Thread_local uint8_t buffer[65536];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) SHA256Update(to, buffer, n);
    fclose(f);
    return true;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

// Every file below a folder, in the order of their names.
static void hash_folder(SHA2_CTX *to, const char *folder, int depth)
{
    DIR *d = opendir(folder);
    if (!d || depth > 4) {
        if (d) closedir(d);
        return;
    }
    char **names = NULL;
    int count = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        names = realloc(names, (size_t)(count + 1) * sizeof *names);
        if (!names) abort();
        names[count] = strdup(e->d_name);
        if (!names[count++]) abort();
    }
    closedir(d);
    if (count) qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) {
        char path[1200];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            hash_folder(to, path, depth + 1);
        else {
            SHA256Update(to, (const uint8_t *)names[i], strlen(names[i]));
            hash_file(to, path);
        }
        free(names[i]);
    }
    free(names);
}

void tw_inputs_shipped(char text[65])
{
    SHA2_CTX context;
    char folder[512];
    SHA256Init(&context);
    if (tw_data_find("calibration", folder, sizeof folder)) hash_folder(&context, folder, 0);
    // errors that predictions are told with
    if (tw_data_find("facilities/reference/errors.csv", folder, sizeof folder)) hash_file(&context, folder);
    (void)SHA256End(&context, text);
}

// Digest of a file or folder that facilities name, read once.
typedef struct NamedFile {
    char *name;
    bool found;
    uint8_t digest[SHA256_DIGEST_LENGTH];
} NamedFile;

struct TwInputs {
    char *facility, shipped[65];
    NamedFile *files;
    int file_count;
};

TwInputs *tw_inputs_create(const char *facility, const char *shipped)
{
    TwInputs *inputs = calloc(1, sizeof *inputs);
    if (!inputs) abort();
    inputs->facility = strdup(facility);
    if (!inputs->facility) abort();
    snprintf(inputs->shipped, sizeof inputs->shipped, "%s", shipped);
    return inputs;
}

void tw_inputs_destroy(TwInputs *inputs)
{
    for (int i = 0; i < inputs->file_count; i++) free(inputs->files[i].name);
    free(inputs->files);
    free(inputs->facility);
    free(inputs);
}

static const NamedFile *named(TwInputs *inputs, const char *name)
{
    for (int i = 0; i < inputs->file_count; i++)
        if (strcmp(inputs->files[i].name, name) == 0) return &inputs->files[i];
    inputs->files = realloc(inputs->files, (size_t)(inputs->file_count + 1) * sizeof *inputs->files);
    if (!inputs->files) abort();
    NamedFile *file = &inputs->files[inputs->file_count++];
    *file = (NamedFile){.name = strdup(name)};
    if (!file->name) abort();
    char path[600];
    SHA2_CTX context;
    SHA256Init(&context);
    struct stat info;
    file->found = tw_find_file(name, inputs->facility, path, sizeof path) && stat(path, &info) == 0;
    if (file->found && S_ISDIR(info.st_mode))
        hash_folder(&context, path, 0);
    else
        file->found = file->found && hash_file(&context, path);
    SHA256Final(file->digest, &context);
    return file;
}

// Files that a facility names: weather, traces, shares of experts, calibrations of one's own.
static void hash_named(SHA2_CTX *to, TwInputs *inputs, const char *name)
{
    if (!name || !name[0]) return;
    const NamedFile *file = named(inputs, name);
    if (file->found) SHA256Update(to, file->digest, sizeof file->digest);
}

static void hash_pool(SHA2_CTX *to, TwInputs *inputs, const TwNode *node)
{
    TwPoolRow row;
    tw_node_row(node, &row);
    hash_named(to, inputs, row.trace);
    hash_named(to, inputs, row.expert_shares);
    const TwNode *arrival = tw_node_group(node, "arrival");
    if (!arrival) return;
    TwArrivalRow arrivals;
    tw_node_row(arrival, &arrivals);
    hash_named(to, inputs, arrivals.file);
}

// Those shipped are in the digest of the data.
static void hash_tables(SHA2_CTX *to, TwInputs *inputs, const TwNode *rack)
{
    TwAcceleratorRow chip;
    tw_node_row(tw_node_group(rack, "gpu"), &chip);
    if (tw_calibration_is_path(chip.calibration)) hash_named(to, inputs, chip.calibration);
}

void tw_inputs_digest(TwInputs *inputs, const TwConfig *config, char text[33])
{
    SHA2_CTX context;
    char all[SHA256_DIGEST_STRING_LENGTH];
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)inputs->shipped, strlen(inputs->shipped));
    const TwNode *root = tw_config_root(config), *workload = tw_node_group(root, "workload");
    TwSiteRow site;
    TwTariffRow tariff;
    tw_node_row(tw_node_group(root, "site"), &site);
    tw_node_row(tw_node_group(root, "tariff"), &tariff);
    hash_named(&context, inputs, site.weather);
    hash_named(&context, inputs, site.carbon_file);
    hash_named(&context, inputs, tariff.price_file);
    for (int i = 0; i < tw_node_entries(root, "racks"); i++)
        hash_tables(&context, inputs, tw_node_entry(root, "racks", i, NULL));
    hash_pool(&context, inputs, workload);
    for (int i = 0; i < tw_node_entries(workload, "pools"); i++)
        hash_pool(&context, inputs, tw_node_entry(workload, "pools", i, NULL));
    memcpy(text, SHA256End(&context, all), 32);
    text[32] = '\0';
}

void tw_inputs_of(const char *facility, const TwConfig *config, char digest[33])
{
    char shipped[65];
    tw_inputs_shipped(shipped);
    TwInputs *inputs = tw_inputs_create(facility, shipped);
    tw_inputs_digest(inputs, config, digest);
    tw_inputs_destroy(inputs);
}
