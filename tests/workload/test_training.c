#include "models/workload/training.h"
#include "models/workload/validate.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

// The model's own definition and the audited 405B runs, as `tokenworks validate training` prints them.
static void reference_cases_hold(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("training");
    CHECK(tw_validate_training(v, NULL, &error));
    CHECK(tw_validation_rows(v) >= 29);
    CHECK(tw_validation_failures(v) == 0);
    if (tw_validation_failures(v)) tw_validation_print(v, stdout);
    tw_validation_destroy(v);
}

// All published rows, where the reference data lies beside the checkout.
static void published_rows_hold(void)
{
    static const struct {
        const char *file;
        int rows, skips;
    } tables[] = {{"mlperf_training_llm_v5.csv", 43, 0},
                  {"nvidia_megatron_bridge_throughput.csv", 186, 0},
                  {"nvidia_nemo_rl_step_times.csv", 12, 1}};
    const char *data = getenv("TOKENWORKS_REFERENCE_DATA");
    for (size_t i = 0; data && i < sizeof tables / sizeof *tables; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/traces/training/%s", data, tables[i].file);
        TwError error = {0};
        TwValidation *v = tw_validation_create("training");
        CHECK(tw_validate_training(v, path, &error));
        CHECK(tw_validation_rows(v) == tables[i].rows);
        CHECK(tw_validation_skips(v) == tables[i].skips);
        CHECK(tw_validation_failures(v) == 0);
        tw_validation_destroy(v);
    }
}

static void layouts_that_do_not_fit_name_the_nearest(void)
{
    TwTrainModel model;
    TwTrainKey key;
    TwTrainStep step;
    TwError error = {0};
    CHECK(tw_train_model(&model, "llama-3.1-405b", &error));
    CHECK(tw_train_key_named(&key, "h100_fp8_405b", &model, "pretrain", &error));
    TwTrainLayout layout = {.gpus = 1000, .global_batch = 1152, .sequence_tokens = 8192};
    CHECK(!tw_train_step(&step, &model, &key, &layout, 1.0, &error));
    CHECK(strstr(error.text, "nearest are 896 and 1024") != NULL);
    layout.gpus = 2048;
    layout.global_batch = 1150;
    CHECK(!tw_train_step(&step, &model, &key, &layout, 1.0, &error));
    CHECK(strstr(error.text, "nearest are 1136 and 1152") != NULL);
    CHECK(!tw_train_model(&model, "llama-3.1-405bb", &error));
    CHECK(strstr(error.text, "llama-3.1-405b") != NULL);
    CHECK(!tw_train_key_named(&key, "h100_fp8_405", &model, "pretrain", &error));
}

// A slower clock stretches the compute and its bubble alone.
static void clock_stretches_the_first_term(void)
{
    TwTrainModel model;
    TwTrainKey key;
    TwTrainStep full, half;
    CHECK(tw_train_model(&model, "llama-3.1-405b", NULL));
    CHECK(tw_train_key_named(&key, "h100_fp8_405b", &model, "pretrain", NULL));
    const TwTrainLayout layout = {.gpus = 4096, .global_batch = 1152, .sequence_tokens = 8192};
    CHECK(tw_train_step(&full, &model, &key, &layout, 1.0, NULL) &&
          tw_train_step(&half, &model, &key, &layout, 0.5, NULL));
    CHECK_NEAR(half.step_s - full.step_s, full.compute_s * (1.0 + full.bubble_fraction), 1e-12);
}

static void checkpoint_sizes_follow_the_published_ones(void)
{
    CHECK_NEAR(tw_checkpoint_bytes(405.9e9), 5.29e12, 1e-9);
    CHECK_NEAR(tw_checkpoint_bytes(8.03e9), 105e9, 1e-9);
    CHECK_NEAR(tw_checkpoint_bytes(1e12), 18e12, 1e-9);
    CHECK_NEAR(tw_checkpoint_bytes(2e12), 36e12, 1e-9);
    CHECK(tw_checkpoint_bytes(175e9) > 912e9 && tw_checkpoint_bytes(175e9) < 5.29e12);
}

int main(void)
{
    reference_cases_hold();
    published_rows_hold();
    layouts_that_do_not_fit_name_the_nearest();
    clock_stretches_the_first_term();
    checkpoint_sizes_follow_the_published_ones();
    return check_failures != 0;
}
