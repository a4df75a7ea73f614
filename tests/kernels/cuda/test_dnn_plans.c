// The cuDNN recipes become plans without a device (kernels page, section 3): that graphs are accepted and code is
// generated for them, not that it is fast or right. Runs against a driver that does nothing.
#include "kernels/dnn_recipes.h"
#include "tests/check.h"

#include <time.h>

typedef struct Wanted {
    const char *op;
    int64_t p[TW_CAL_PARAMETERS];
} Wanted;

static char *record(const char *name)
{
    char path[512];
    static char text[4096];
    snprintf(path, sizeof path, "%s/tests/kernels/cuda/%s", getenv("TOKENWORKS_SOURCE"), name);
    FILE *file = fopen(path, "r");
    size_t used = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[used] = '\0';
    return text;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// K-31: a plan, and the plan again from its own JSON
static void becomes_a_plan(const char *device, const Wanted *wanted)
{
    enum { MOST = 1 << 20 };
    static char json[MOST];
    TwCalPoint point = tw_cal_point(wanted->op, "cudnn", "bf16", wanted->p, TW_CAL_BURST);
    TwDnn dnn;
    TwDnnPlan plan, again;
    char text[300] = "", name[160];
    tw_cal_describe(&point, name, (int)sizeof name);
    if (!tw_dnn_begin(&dnn, NULL, device, text, (int)sizeof text)) {
        fprintf(stderr, "%s\n", text);
        check_failures++;
        return;
    }
    tw_dnn_build(&dnn, &point);
    bool made = tw_dnn_plan(&plan, &dnn, tw_dnn_recipe(&point), text, (int)sizeof text);
    if (!made) fprintf(stderr, "%s: %s\n", name, text);
    CHECK(made);
    if (made) {
        int operand[TW_OPERANDS], memory = 0;
        for (int i = 0; i < plan.pointers; i++) memory += !plan.scalar[i].given;
        CHECK(memory == tw_dnn_memory(&point, operand));
        int64_t length = tw_dnn_plan_json(&plan, json, MOST);
        CHECK(length > 1000 && length < MOST);
        double start = now_s();
        CHECK(tw_dnn_plan_reload(&again, &dnn, json, length));
        CHECK(now_s() - start < 0.5);
        CHECK(again.workspace_bytes == plan.workspace_bytes);
        tw_dnn_plan_destroy(&again);
        tw_dnn_plan_destroy(&plan);
    }
    tw_dnn_end(&dnn);
}

// K-32: without the log of the sum the engines refuse causal prefill, and the recipe is named
static void prefill_without_stats_has_no_engine(const char *device)
{
    const Wanted wanted = {"prefill", {1, 2048, 0, 32, 8, 128, 128}};
    TwCalPoint point = tw_cal_point(wanted.op, "cudnn", "bf16", wanted.p, TW_CAL_BURST);
    TwDnn dnn;
    TwDnnPlan plan;
    char text[300] = "";
    CHECK(tw_dnn_begin(&dnn, NULL, device, text, (int)sizeof text));
    tw_dnn_build_prefill(&dnn, &point, true, true);
    bool made = tw_dnn_plan(&plan, &dnn, "prefill without stats", text, (int)sizeof text);
    CHECK(!made);
    CHECK_HOLDS(text, "prefill without stats: 0 engines");
    if (made) tw_dnn_plan_destroy(&plan);
    tw_dnn_end(&dnn);
}

// a record with a member missing is named by cuDNN, and nothing is left behind
static void a_wrong_record_is_an_error(void)
{
    TwDnn dnn;
    char text[300] = "";
    CHECK(!tw_dnn_begin(&dnn, NULL, "{\"deviceVer\": 900}", text, (int)sizeof text));
    CHECK_HOLDS(text, "device properties");
}

int main(void)
{
    if (!getenv("TOKENWORKS_SOURCE")) return CHECK_SKIP;
    static const Wanted hopper[] = {
        {"prefill", {1, 2048, 0, 32, 8, 128, 128}},    {"prefill", {4, 512, 0, 32, 8, 64, 64}},
        {"prefill", {1, 2048, 0, 128, 128, 192, 128}}, {"prefill", {1, 1024, 8192, 32, 8, 128, 128}},
        {"decode", {64, 4096, 32, 8, 128, 16, 0}},     {"decode", {1, 131072, 32, 8, 128, 64, 0}},
        {"mla_decode", {64, 4096, 128, 64}},           {"moe_gemm", {1024, 4096, 7168, 32, 0}},
    };
    static const Wanted blackwell[] = {
        {"prefill", {1, 2048, 0, 32, 8, 128, 128}},
        {"decode", {64, 4096, 32, 8, 128, 16, 0}},
        {"mla_decode", {64, 4096, 128, 64}},
        {"moe_gemm", {1024, 4096, 7168, 32, 0}},
    };
    for (size_t i = 0; i < sizeof hopper / sizeof *hopper; i++) becomes_a_plan(record("hopper.json"), &hopper[i]);
    for (size_t i = 0; i < sizeof blackwell / sizeof *blackwell; i++)
        becomes_a_plan(record("blackwell.json"), &blackwell[i]);
    prefill_without_stats_has_no_engine(record("hopper.json"));
    a_wrong_record_is_an_error();
    return check_failures != 0;
}
