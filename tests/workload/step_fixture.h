// A replica from the shipped parts and tables, for the tests and the benchmark of the step model.
#pragma once

#include "models/workload/chip.h"
#include "models/workload/model_shape.h"
#include "models/workload/step.h"
#include "sim/csv.h"
#include "sim/data.h"
#include "tests/check.h"
#include "tests/parts.h"

enum { FIXTURE_COMM = 32 };

typedef struct Fixture {
    TwConfig *chip_config, *model_config;
    TwAcceleratorRow chip;
    TwModelRow model;
    char folder[512];
    int comm_count;
    double comm_bytes[FIXTURE_COMM], comm_s[FIXTURE_COMM];
    TwStepSpec spec;
} Fixture;

// The fastest library at each size.
static inline void fixture_comm(Fixture *f, int ranks)
{
    char path[600];
    TwCsv *csv;
    TwError error;
    snprintf(path, sizeof path, "%s/comm.csv", f->folder);
    if (!tw_csv_read(&csv, path, &error)) return;
    int op = tw_csv_column(csv, "op"), size = tw_csv_column(csv, "ranks");
    int bytes = tw_csv_column(csv, "bytes"), time = tw_csv_column(csv, "time_us");
    for (int r = 0; r < tw_csv_rows(csv); r++) {
        double n, b, t;
        int i = 0;
        if (strcmp(tw_csv_text(csv, r, op), "all_reduce") != 0) continue;
        if (!tw_csv_number(csv, r, size, &n, &error) || (int)n != ranks) continue;
        if (!tw_csv_number(csv, r, bytes, &b, &error) || !tw_csv_number(csv, r, time, &t, &error)) continue;
        while (i < f->comm_count && f->comm_bytes[i] < b) i++;
        if (i < f->comm_count && f->comm_bytes[i] == b) {
            f->comm_s[i] = fmin(f->comm_s[i], 1e-6 * t);
        } else if (f->comm_count < FIXTURE_COMM) {
            for (int j = f->comm_count++; j > i; j--)
                f->comm_bytes[j] = f->comm_bytes[j - 1], f->comm_s[j] = f->comm_s[j - 1];
            f->comm_bytes[i] = b, f->comm_s[i] = 1e-6 * t;
        }
    }
    tw_csv_destroy(csv);
}

// Without host time; max_tokens 8192, max_sequences 512.
static inline bool fixture_open(Fixture *f, const char *chip, const char *model, const char *precision, int ranks)
{
    memset(f, 0, sizeof *f);
    if (!read_part(&tw_accelerator_kind, chip, &f->chip, &f->chip_config)) return false;
    if (!read_part(&tw_model_kind, model, &f->model, &f->model_config)) return false;
    char name[128];
    snprintf(name, sizeof name, "calibration/%s", f->chip.calibration);
    if (!tw_data_find(name, f->folder, sizeof f->folder)) return false;
    if (ranks > 1) fixture_comm(f, ranks);
    f->spec = (TwStepSpec){
        .chip = &f->chip,
        .model = &f->model,
        .calibration = f->folder,
        .precision = precision,
        .kv_precision = strcmp(precision, "bf16") == 0 ? "bf16" : "fp8",
        .tensor_parallel = ranks,
        .max_tokens = 8192,
        .max_sequences = 512,
        .comm_count = f->comm_count,
        .comm_bytes = f->comm_bytes,
        .comm_s = f->comm_s,
        .comm_measured = f->comm_count > 0,
        .memory_fraction = 0.90,
    };
    return true;
}

static inline void fixture_close(Fixture *f)
{
    if (f->chip_config) tw_config_destroy(f->chip_config);
    if (f->model_config) tw_config_destroy(f->model_config);
}

static inline TwStepModel *fixture_model(const Fixture *f)
{
    TwStepModel *model;
    TwError error = {.text = ""};
    if (tw_step_create(&model, &f->spec, &error)) return model;
    fprintf(stderr, "%s:%d: %s\n", error.file, error.line, error.text);
    return NULL;
}

static inline TwBatch decode_batch(int sequences, int64_t mean_context)
{
    return (TwBatch){
        .tokens = sequences, .decodes = sequences, .decode_context = sequences * mean_context, .logits = sequences};
}

static inline TwBatch prefill_batch(int chunks, int64_t chunk, int64_t history)
{
    return (TwBatch){.tokens = (int32_t)(chunks * chunk),
                     .chunks = chunks,
                     .chunk_tokens = (int32_t)(chunks * chunk),
                     .chunk_square = chunks * chunk * chunk,
                     .chunk_history = chunks * chunk * history,
                     .logits = chunks};
}

static inline double affine_at(TwAffine a, const TwBatch *b)
{
    return a.base + a.per_context * (double)b->decode_context + a.per_history * (double)b->chunk_history;
}

static inline TwStep step_of(const TwStepModel *model, int level, const TwBatch *batch)
{
    TwStep step;
    model->source.step(model->source.context, level, batch, &step);
    return step;
}

static inline double time_ms(const TwStepModel *model, int level, TwBatch batch)
{
    TwStep step = step_of(model, level, &batch);
    return 1e-6 * affine_at(step.time_ns, &batch);
}

// Of the whole replica.
static inline double power_w(const TwStepModel *model, int level, TwBatch batch)
{
    TwStep step = step_of(model, level, &batch);
    return affine_at(step.energy_nj, &batch) / affine_at(step.time_ns, &batch);
}

// Time of all parts of a step that are so called; NULL: of all.
static inline double part_s(const TwStepModel *model, TwBatch batch, const char *name)
{
    TwStepPart parts[48];
    double sum = 0.0;
    for (int i = 0, n = tw_step_parts(model, &batch, parts, 48); i < n; i++)
        if (!name || strcmp(parts[i].name, name) == 0) sum += parts[i].time_s;
    return sum;
}
