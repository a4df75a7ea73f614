#include "models/workload/calibration_set.h"

#include "sim/file.h"
#include "sim/hdf_table.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char schema[] = "tokenworks-calibration 1";
enum { FILES_MOST = 256 };

// The tables that the kernel model knows. Others are validation.
static const TwHdfTable known[] = {
    {"bounds", "tables", NULL, NULL, NULL, NULL, NULL, NULL},
    {"gemm", "surface", "k", "k", "u", "1e-3", "utilisation of the bound by TensorRT-LLM's products", NULL},
    {"gemm_vllm", "surface", "k", "k", "u", "1e-3", "utilisation of the bound by vLLM's and SGLang's products", NULL},
    {"unaligned", "surface", "m", "m", "ratio", "1", "time of a product of m + 1 rows over that of m", NULL},
    {"quantise", "tables", NULL, NULL, NULL, NULL, NULL, NULL},
    {"decode", "surface", "g", "group", "t_us", "us", "vLLM's decode attention", NULL},
    {"decode_trtllm", "surface", "g", "group", "t_us", "us", "TensorRT-LLM's decode attention", NULL},
    {"prefill", "surface", "g", "group", "u", "1e-3", "utilisation by vLLM's causal attention", NULL},
    {"prefill_trtllm", "surface", "g", "group", "u", "1e-3", "utilisation by TensorRT-LLM's causal attention", NULL},
    {"prefill_dims", "surface", "s", "seq", "ratio", "1", "time of prefill attention over that of heads 128 wide",
     NULL},
    {"mla_decode", "surface", "c", "context", "t_us", "us", "latent decode attention", NULL},
    {"mla_prefill", "surface", "bh", "batch_heads", "u", "1e-3", "utilisation by latent prefill attention", NULL},
    {"moe", "surface", "e", "log2_bytes_per_expert", "u", "1e-3", "utilisation by fused experts beyond t0", "t0_us"},
    {"moe_sites", "tables", "t", "tokens", "ratio", "1", "time of experts of known models over that of moe", NULL},
    {"moe_mixed", "tables", "t", "tokens", "t_us", "us", "mxfp4 experts multiplied in bf16", NULL},
    {"a2a", "tables", NULL, NULL, NULL, NULL, NULL, NULL},
    {"comm", "tables", NULL, NULL, NULL, NULL, NULL, NULL},
    {"points", "", NULL, NULL, NULL, NULL, NULL, NULL},
};

static TwHdfTable table_of(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) return known[i];
    return (TwHdfTable){.name = name, .group = "validation"};
}

// --- files of a folder

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

// Names without .csv, those that the model knows first and in its order.
static bool list_folder(const char *folder, char *name[FILES_MOST], int *count, TwError *error)
{
    DIR *listing = opendir(folder);
    *count = 0;
    if (!listing) return tw_fail_at(error, folder, 0, 0, "%s", strerror(errno));
    bool fits = true;
    for (struct dirent *entry; fits && (entry = readdir(listing));) {
        if (!tw_file_has_suffix(entry->d_name, ".csv") || !(fits = *count < FILES_MOST)) continue;
        if (!(name[*count] = strndup(entry->d_name, strlen(entry->d_name) - 4))) abort();
        ++*count;
    }
    closedir(listing);
    if (!fits) return tw_fail_at(error, folder, 0, 0, "holds more than %d CSV files", FILES_MOST);
    qsort(name, (size_t)*count, sizeof *name, by_name);
    int front = 0;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        for (int i = front; i < *count; i++) {
            if (strcmp(name[i], known[k].name) != 0) continue;
            char *first = name[i];
            memmove(&name[front + 1], &name[front], (size_t)(i - front) * sizeof *name);
            name[front++] = first;
            break;
        }
    return *count > 0 || tw_fail_at(error, folder, 0, 0, "holds no tables, expected CSV files of a calibration");
}

// Lines that start with #, without it; the caller's to free.
static char *comment_of(const char *path)
{
    char *text = NULL, line[4096];
    size_t size = 0;
    FILE *from = fopen(path, "r"), *to = open_memstream(&text, &size);
    if (!to) abort();
    for (bool any = false; from && fgets(line, sizeof line, from);) {
        if (line[0] != '#') continue;
        line[strcspn(line, "\r\n")] = '\0';
        fprintf(to, "%s%s", any ? "\n" : "", line + 1);
        any = true;
    }
    if (from) fclose(from);
    fclose(to);
    return text;
}

static char *text_of_file(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *from = fopen(path, "r"), *to = from ? open_memstream(&text, &size) : NULL;
    if (from && !to) abort();
    for (int c; from && (c = fgetc(from)) != EOF;) fputc(c, to);
    if (from) fclose(from);
    if (to) fclose(to);
    return text;
}

// --- export

// Settings of the part on their way into the file: their groups are left out.
static void begin_group(void *context, const TwSettingGroup *group) { (void)context, (void)group; }
static void end_group(void *context) { (void)context; }

static void write_setting(void *context, const TwSettingText *setting)
{
    static const char *const powers[] = {"limit_w",
                                         "limit_min_w",
                                         "limit_max_w",
                                         "idle_w",
                                         "resident_w",
                                         "live_w",
                                         "busy_w",
                                         "experts_w",
                                         "bf16_j_per_flop",
                                         "fp8_j_per_flop",
                                         "fp4_j_per_flop",
                                         "j_per_byte",
                                         "memory_j_per_byte",
                                         "clock_exponent",
                                         "clock_min_fraction",
                                         "flop_floor_fraction"};
    static const char *const board[] = {"bf16_flops",        "fp8_flops",   "fp4_flops",    "memory_bytes",
                                        "bandwidth_bytes_s", "l2_bytes_s",  "link_bytes_s", "domain_gpus",
                                        "sm_count",          "clock_max_hz"};
    TwHdf *hdf = context;
    const char *group = NULL;
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++)
        if (strcmp(setting->name, powers[i]) == 0) group = "power/params";
    for (size_t i = 0; i < sizeof board / sizeof *board; i++)
        if (strcmp(setting->name, board[i]) == 0) group = "meta";
    char *end;
    double value = strtod(setting->value, &end);
    if (!group || end == setting->value || *end) return;
    hid_t at = tw_hdf_group(hdf, group);
    TwHdfShape shape = {.type = H5T_IEEE_F64LE};
    hid_t dataset = tw_hdf_dataset(hdf, at, setting->name, &shape);
    tw_hdf_write(hdf, dataset, H5T_NATIVE_DOUBLE, &value);
    tw_hdf_text(hdf, dataset, "units", setting->unit);
    tw_hdf_text(hdf, dataset, "long_name", setting->about);
    tw_hdf_text(hdf, dataset, "mark", setting->mark);
    if (setting->source[0]) tw_hdf_text(hdf, dataset, "source", setting->source);
    if (setting->source_text[0]) tw_hdf_text(hdf, dataset, "source_text", setting->source_text);
    if (dataset >= 0) tw_hdf_ok(hdf, H5Dclose(dataset) >= 0, setting->name);
    if (at >= 0) H5Gclose(at);
}

static bool write_tables(TwHdf *hdf, const char *folder, TwError *error)
{
    char *name[FILES_MOST], path[1024];
    int count;
    bool good = list_folder(folder, name, &count, error);
    for (int i = 0; good && i < count; i++) {
        TwCsv *csv;
        snprintf(path, sizeof path, "%s/%s.csv", folder, name[i]);
        good = tw_csv_read(&csv, path, error);
        if (!good) break;
        char *comment = comment_of(path);
        const TwHdfTable table = table_of(name[i]);
        tw_hdf_lock();
        tw_hdf_table_write(hdf, &table, csv, comment);
        tw_hdf_unlock();
        free(comment);
        tw_csv_destroy(csv);
        if (hdf->failed) good = tw_fail_at(error, path, 0, 0, "%s", hdf->why);
    }
    for (int i = 0; i < count; i++) free(name[i]);
    return good;
}

bool tw_calibration_export(const char *folder, const TwConfig *chip, const char *title, const char *path, bool replace,
                           TwError *error)
{
    char from[1024];
    TwHdf hdf;
    TwFile file;
    if (!replace && access(path, F_OK) == 0)
        return tw_fail_at(error, path, 0, 0, "exists already; --force replaces it");
    if (!tw_file_target(path, from, sizeof from))
        return tw_fail_at(error, path, 0, 0, "no plain file: HDF5 has to go back and forth in it");
    if (!tw_file_create(&file, path, error)) return false;
    flock(fileno(file.stream), LOCK_UN);    // the library takes the lock for itself
    tw_hdf_lock();
    if (tw_hdf_create(&hdf, file.beside)) {
        hid_t root = tw_hdf_group(&hdf, ""), meta = tw_hdf_group(&hdf, "meta");
        tw_hdf_text(&hdf, root, "schema", schema);
        tw_hdf_text(&hdf, root, "title", title);
        snprintf(from, sizeof from, "%s/chip.cfg", folder);
        char *board = text_of_file(from);
        if (board) tw_hdf_text(&hdf, meta, "chip_cfg", board);
        free(board);
        if (meta >= 0) H5Gclose(meta);
        if (root >= 0) H5Gclose(root);
        const TwSettingsVisitor visitor = {&hdf, begin_group, write_setting, end_group};
        if (chip) tw_config_settings(chip, &visitor);
    }
    tw_hdf_unlock();
    bool good = !hdf.failed && write_tables(&hdf, folder, error);
    tw_hdf_lock();
    bool closed = tw_hdf_close(&hdf);
    tw_hdf_unlock();
    if (hdf.failed && (good || !closed)) good = tw_fail_at(error, path, 0, 0, "%s", hdf.why);
    return tw_file_finish(&file, good, error);
}

// --- import

// A set takes its names when all of it is written: what is cut short or finds no room leaves the folder as it was.
typedef struct Written {
    TwFile *file;    // [count] beside their names
    int count;
} Written;

static bool write_text(Written *written, const char *path, const char *text, bool replace, TwError *error)
{
    if (!replace && access(path, F_OK) == 0)
        return tw_fail_at(error, path, 0, 0, "exists already; --force replaces it");
    TwFile *file = &written->file[written->count];
    if (!tw_file_create(file, path, error)) return false;
    written->count++;
    bool good = fputs(text, file->stream) >= 0 && fflush(file->stream) == 0;
    return good || tw_fail(error, TW_IO, "cannot write %s: %s", path, strerror(errno));
}

static bool finish_all(Written *written, bool good, TwError *error)
{
    for (int i = 0; i < written->count; i++) good = tw_file_finish(&written->file[i], good, error) && good;
    free(written->file);
    return good;
}

static char *board_of(const char *file)
{
    char *text = NULL;
    tw_hdf_lock();
    hid_t opened = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (opened >= 0 && H5Lexists(opened, "meta", H5P_DEFAULT) > 0) text = tw_hdf_attribute(opened, "meta", "chip_cfg");
    if (opened >= 0) H5Fclose(opened);
    tw_hdf_unlock();
    return text;
}

// A table that stays beside those of the set would be read with them.
static bool holds_others(const char *folder, char *const *name, TwError *error)
{
    DIR *listing = opendir(folder);
    char other[256] = "";
    for (struct dirent *entry; listing && !other[0] && (entry = readdir(listing));) {
        bool known = !tw_file_has_suffix(entry->d_name, ".csv");
        for (int i = 0; name[i] && !known; i++)
            known = strncmp(entry->d_name, name[i], strlen(name[i])) == 0 &&
                    strcmp(entry->d_name + strlen(name[i]), ".csv") == 0;
        if (!known) snprintf(other, sizeof other, "%s", entry->d_name);
    }
    if (listing) closedir(listing);
    return other[0] &&
           !tw_fail_at(error, folder, 0, 0, "holds %s, which the set has not: expected another folder", other);
}

bool tw_calibration_import(const char *file, const char *folder, bool replace, TwError *error)
{
    char **name = tw_hdf_table_names(file, error), path[1024], from[1024];
    if (!name) return false;
    int count = 0;
    while (name[count]) count++;
    bool made = mkdir(folder, 0777) == 0;
    bool good = made || errno == EEXIST || tw_fail_at(error, folder, 0, 0, "%s", strerror(errno));
    good = good && !holds_others(folder, name, error);
    Written written = {.file = calloc((size_t)count + 1, sizeof *written.file)};
    if (!written.file) abort();
    for (int i = 0; good && i < count; i++) {
        snprintf(from, sizeof from, "%s/%s.csv", file, name[i]);
        snprintf(path, sizeof path, "%s/%s.csv", folder, name[i]);
        char *text = tw_hdf_table_text(from, true, error);
        good = text && write_text(&written, path, text, replace, error);
        free(text);
    }
    char *board = good ? board_of(file) : NULL;
    snprintf(path, sizeof path, "%s/chip.cfg", folder);
    if (board) good = write_text(&written, path, board, replace, error);
    free(board);
    good = finish_all(&written, good, error);
    if (!good && made) rmdir(folder);
    for (int i = 0; i < count; i++) free(name[i]);
    free(name);
    return good;
}

bool tw_calibration_list(const char *path, TwCalibrationTable **tables, int *count, TwError *error)
{
    char *names[FILES_MOST + 1] = {NULL}, **name = names, from[1024];
    struct stat is;
    *tables = NULL;
    *count = 0;
    bool folder = stat(path, &is) == 0 && S_ISDIR(is.st_mode), good = true;
    if (folder) {
        int listed;
        good = list_folder(path, names, &listed, error);
    } else {
        name = tw_hdf_table_names(path, error);
        if (!name) return false;
    }
    int n = 0;
    while (name[n]) n++;
    *tables = calloc((size_t)n + 1, sizeof **tables);
    if (!*tables) abort();
    for (int i = 0; good && i < n; i++) {
        TwCsv *csv;
        snprintf(from, sizeof from, "%s/%s.csv", path, name[i]);
        good = tw_csv_read(&csv, from, error);
        if (!good) break;
        TwCalibrationTable *t = &(*tables)[(*count)++];
        snprintf(t->name, sizeof t->name, "%s", name[i]);
        t->rows = tw_csv_rows(csv);
        t->values = (long)t->rows * tw_csv_columns(csv);
        tw_csv_destroy(csv);
    }
    for (int i = 0; i < n; i++) free(name[i]);
    if (!folder) free(name);
    if (good) return true;
    free(*tables);
    *tables = NULL;
    return false;
}
