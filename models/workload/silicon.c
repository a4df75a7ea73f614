#include "models/workload/silicon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

const char *const tw_silicon_family[TW_SILICON_FAMILIES] = {"gemm", "attn_decode", "attn_prefill", "mla", "moe"};

enum { FIELDS = 16 };
static const char *const headers[TW_SILICON_FAMILIES] = {
    "engine,dtype,n,k,m,t_us,flag",
    "engine,kernel,kv_dtype,head_dim,window,heads,kv_heads,batch,context,t_us,flag",
    "engine,kernel,q_dtype,kv_dtype,head_dim,window,heads,kv_heads,batch,seq,t_us,flag",
    "engine,op,q_dtype,kv_dtype,proj_dtype,heads,batch,seq,t_us,flag",
    "engine,kernel,dtype,gated,hidden,inter,experts,topk,tp,ep,routing,tokens,t_us,flag",
};

bool tw_silicon_peaks(const char *chip, double peak[4])
{
    static const struct {
        const char *chip;
        double peak[4];
    } known[] = {
        {"h100_sxm", {989e12, 1978e12, 0.0, 3.35e12}},     {"h200_sxm", {989e12, 1978e12, 0.0, 4.8e12}},
        {"b200_sxm", {2250e12, 4500e12, 9000e12, 7.7e12}}, {"b300_sxm", {2250e12, 4500e12, 14000e12, 7.75e12}},
        {"gb200", {2500e12, 5000e12, 10000e12, 8.0e12}},   {"gb300", {2500e12, 5000e12, 15000e12, 8.0e12}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].chip, chip) == 0) {
            memcpy(peak, known[i].peak, sizeof known[i].peak);
            return true;
        }
    return false;
}

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool number_of(const char *dtype, TwNumber *number)
{
    if (strcmp(dtype, "nvfp4") == 0) {
        *number = TW_FP4;
        return true;
    }
    return tw_number_find(dtype, number);
}

// Fills the shape of one line; false where the row is not one that the calibration answers for.
static bool shape_of(TwSiliconFamily family, char **f, TwKernelShape *s)
{
    double v[FIELDS];
    for (int i = 0; i < FIELDS; i++) v[i] = f[i] ? atof(f[i]) : 0.0;
    *s = (TwKernelShape){0};
    switch (family) {
    case TW_SILICON_GEMM:
        if (!number_of(f[1], &s->number)) return false;
        if (!starts(f[0], "trtllm")) {    // gemm_vllm.csv
            if (s->number != (starts(f[0], "vllm") ? TW_FP8 : TW_FP8_BLOCK)) return false;
            s->engine = TW_ENGINE_VLLM;
        }
        s->op = TW_KERNEL_GEMM, s->n = v[2], s->k = v[3], s->m = v[4];
        return s->n >= 512.0 && s->k >= 512.0;
    case TW_SILICON_DECODE:
        if (!number_of(f[2], &s->number) || v[3] != 128.0 || v[4] != 0.0) return false;
        s->engine = starts(f[0], "vllm") ? TW_ENGINE_VLLM : TW_ENGINE_TRTLLM;
        s->op = TW_KERNEL_DECODE, s->dim = v[3], s->heads = v[5], s->kv_heads = v[6], s->batch = v[7], s->seq = v[8];
        return s->seq >= 128.0 && s->batch <= 512.0 && s->heads <= 64.0 && s->heads / s->kv_heads <= 16.0;
    case TW_SILICON_PREFILL: {
        // TensorRT-LLM has queries of the cache's type, vLLM's rows have them in bf16
        bool vllm = starts(f[0], "vllm");
        if (strcmp(f[2], vllm ? "bf16" : f[3]) != 0 || v[4] != 128.0 || v[5] != 0.0) return false;
        if (!number_of(f[3], &s->number)) return false;
        s->op = TW_KERNEL_PREFILL, s->engine = vllm ? TW_ENGINE_VLLM : TW_ENGINE_TRTLLM;
        s->dim = v[4], s->heads = v[6], s->kv_heads = v[7], s->batch = v[8], s->seq = v[9];
        return s->seq >= 64.0;
    }
    case TW_SILICON_MLA: {
        bool decode = strcmp(f[1], "decode") == 0, prefill = strcmp(f[1], "prefill") == 0;
        if (!starts(f[0], "trtllm") || (!decode && !prefill) || !number_of(f[3], &s->number)) return false;
        if (prefill && strcmp(f[2], "bf16") != 0) return false;
        s->op = decode ? TW_KERNEL_MLA_DECODE : TW_KERNEL_MLA_PREFILL;
        s->heads = v[5], s->batch = v[6], s->seq = v[7];
        return s->seq >= (decode ? 128.0 : 64.0);
    }
    default:
        if (!starts(f[0], "trtllm") || !number_of(f[2], &s->number) || v[3] != 1.0 || strcmp(f[10], "pl1.2") != 0)
            return false;
        s->op = TW_KERNEL_MOE, s->hidden = v[4], s->inter = v[5], s->experts = v[6], s->top_k = v[7];
        s->tp = v[8], s->ep = v[9], s->m = v[11];
        return true;
    }
}

static unsigned key_of(const TwKernelShape *s)
{
    const double part[] = {
        (double)s->op, (double)s->engine, (double)s->number, s->m,     s->n,       s->k,     s->batch, s->seq,
        s->heads,      s->kv_heads,       s->hidden,         s->inter, s->experts, s->top_k, s->tp,    s->ep};
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        unsigned long long bits = (unsigned long long)(long long)part[i];
        for (int b = 0; b < 4; b++) hash = (hash ^ (unsigned)(bits >> (8 * b) & 255u)) * 16777619u;
    }
    return hash;
}

static int split(char *line, char **field)
{
    int count = 0;
    for (char *at = line; at && count < FIELDS;) {
        field[count++] = at;
        at = strchr(at, ',');
        if (at) *at++ = '\0';
    }
    return count;
}

bool tw_silicon_read_file(TwSilicon *silicon, const char *path, TwSiliconFamily family, TwError *error)
{
    *silicon = (TwSilicon){0};
    gzFile file = gzopen(path, "rb");    // plain text comes through as it is
    if (!file) return tw_fail(error, TW_BAD_INPUT, "%s: %s", path, strerror(errno));
    char line[512], *field[FIELDS] = {NULL}, wanted[256];
    int number = 0, room = 0, columns;
    bool good = true;
    snprintf(wanted, sizeof wanted, "%s", headers[family]);
    columns = split(wanted, field);
    while (good && gzgets(file, line, sizeof line)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (++number == 1) {
            good = strcmp(line, headers[family]) == 0 ||
                   tw_fail_at(error, path, 1, 0, "expected the columns %s", headers[family]);
            continue;
        }
        TwSiliconRow row;
        int count = split(line, field);
        if (count != columns) {
            good = tw_fail_at(error, path, number, 0, "%d fields, expected %d", count, columns);
            continue;
        }
        row.t_s = 1e-6 * atof(field[columns - 2]);
        if (!(row.t_s > 0.0)) {
            good = tw_fail_at(error, path, number, 0, "t_us = %s, expected above 0", field[columns - 2]);
            continue;
        }
        if (field[columns - 1][0] || !shape_of(family, field, &row.shape)) {
            silicon->left_out++;
            continue;
        }
        row.key = key_of(&row.shape);
        if (silicon->count == room) {
            room = room ? 2 * room : 1024;
            TwSiliconRow *more = realloc(silicon->row, (size_t)room * sizeof *more);
            if (!more) abort();
            silicon->row = more;
        }
        silicon->row[silicon->count++] = row;
    }
    gzclose(file);
    if (good && number == 0) good = tw_fail_at(error, path, 1, 0, "expected the columns %s", headers[family]);
    if (!good) tw_silicon_destroy(silicon);
    return good;
}

bool tw_silicon_read(TwSilicon *silicon, const char *folder, const char *chip, TwSiliconFamily family, bool *found,
                     TwError *error)
{
    char path[600];
    *silicon = (TwSilicon){0};
    *found = true;
    static const char *const ends[] = {"csv.gz", "csv"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s_%s.%s", folder, chip, tw_silicon_family[family], ends[i]);
        if (access(path, R_OK) == 0) return tw_silicon_read_file(silicon, path, family, error);
    }
    *found = false;
    return true;
}

void tw_silicon_destroy(TwSilicon *silicon)
{
    free(silicon->row);
    *silicon = (TwSilicon){0};
}
