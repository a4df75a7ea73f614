// Training steps from the tables of kernels against audited runs of Llama 3.1 405B (MLPerf Training v5.0, median logged
// step; traffic page 7.2) and the three-parameter model: within 10 %, as that page asks. Nothing here was fitted.
#include "tests/check.h"
#include "twin/train_kernels.h"

static void audited_runs(void)
{
    static const struct {
        const char *chip, *key;
        TwTrainLayout layout;
        double step_s;
    } rows[] = {
        {"h100_sxm", "h100_fp8_405b", {512, 8, 8, 2, 8, 1, 1152, 8192, false}, 55.134},
        {"h100_sxm", "h100_fp8_405b", {2048, 8, 8, 2, 8, 1, 1152, 8192, false}, 14.220},
        {"h100_sxm", "h100_fp8_405b", {8192, 8, 8, 2, 8, 1, 1536, 8192, false}, 5.180},
        {"gb200", "gb200_fp8_405b_2025", {256, 4, 8, 2, 8, 1, 448, 8192, false}, 19.144},
        {"gb200", "gb200_fp8_405b_2025", {2048, 4, 8, 2, 8, 1, 1280, 8192, false}, 7.164},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TwTrainModel model;
        TwTrainKey key;
        TwTrainStep step, fitted;
        TwTrainKernels parts;
        TwError error = {0};
        CHECK(tw_train_model(&model, "llama-3.1-405b", &error));
        CHECK(tw_train_kernels(&step, &parts, rows[i].chip, model.name, "fp8", &model, &rows[i].layout, &error));
        CHECK(tw_train_key_named(&key, rows[i].key, &model, "pretrain", &error));
        CHECK(tw_train_step(&fitted, &model, &key, &rows[i].layout, 1.0, &error));
        CHECK_WITHIN(step.step_s / rows[i].step_s, 1.0, 0.1);
        CHECK_WITHIN(step.step_s / fitted.step_s, 1.0, 0.1);
        CHECK_NEAR(parts.product_s + parts.attention_s + parts.rest_s, parts.micro_s, 1e-12);
    }
}

// Frozen weights need no gradient of their own: two passes for three.
static void frozen_weights(void)
{
    TwTrainModel model;
    TwTrainStep whole, frozen;
    TwTrainKernels a, b;
    TwError error = {0};
    TwTrainLayout layout = {8, 4, 1, 1, 1, 1, 8, 8192, false};
    CHECK(tw_train_model(&model, "llama-3.1-70b", &error));
    CHECK(tw_train_kernels(&whole, &a, "h200_sxm", model.name, "fp8", &model, &layout, &error));
    layout.frozen = true;
    CHECK(tw_train_kernels(&frozen, &b, "h200_sxm", model.name, "fp8", &model, &layout, &error));
    CHECK_NEAR(b.product_s, 2.0 / 3.0 * a.product_s, 1e-12);
    CHECK_NEAR(b.attention_s, a.attention_s, 1e-12);
    // a layout that does not fit, a chip that is not there
    layout.gpus = 6;
    CHECK(!tw_train_kernels(&whole, &a, "h200_sxm", model.name, "fp8", &model, &layout, &error));
    layout.gpus = 8;
    CHECK(!tw_train_kernels(&whole, &a, "h200_sx", model.name, "fp8", &model, &layout, &error));
}

int main(void)
{
    audited_runs();
    frozen_weights();
    return check_failures != 0;
}
