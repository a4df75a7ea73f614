// Cost of the step model: ns a call of tw_step, time to build its tables. Prints `name value unit` lines; --json.
#include "sim/progress.h"
#include "sim/random.h"
#include "tests/workload/step_fixture.h"

enum { BATCHES = 4096, ROUNDS = 500 };

static double sink;
static bool json, first = true;

static void print(const char *what, const char *model, double value, const char *unit)
{
    if (json)
        printf("%s  \"%s_%s\": {\"value\": %.6g, \"unit\": \"%s\"}", first ? "{\n" : ",\n", what, model, value, unit);
    else
        printf("%s_%s %.4g %s\n", what, model, value, unit);
    first = false;
}

static double ns_per_call(const TwStepModel *model, const TwBatch *batches)
{
    double best = INFINITY;
    for (int repeat = 0; repeat < 3; repeat++) {
        double begun = tw_wall_s();
        for (int r = 0; r < ROUNDS; r++)
            for (int i = 0; i < BATCHES; i++) {
                TwStep step;
                model->source.step(model->source.context, TW_LEVELS - 1, &batches[i], &step);
                sink += step.time_ns.base;
            }
        best = fmin(best, (tw_wall_s() - begun) / ROUNDS / BATCHES);
    }
    return 1e9 * best;
}

int main(int argc, char **argv)
{
    json = argc > 1 && strcmp(argv[1], "--json") == 0;
    static TwBatch decode[BATCHES], mixed[BATCHES];
    TwStream stream = tw_stream(7, "bench");
    for (int i = 0; i < BATCHES; i++) {
        uint32_t r[4];
        tw_random4(stream, (uint64_t)i, 0, TW_PURPOSE_DESIGN, r);
        decode[i] = mixed[i] = decode_batch(1 + (int)(r[0] % 200), 200 + r[1] % 8000);
        mixed[i].chunks = 1, mixed[i].chunk_tokens = 1 + (int32_t)(r[2] % 2048);
        mixed[i].tokens += mixed[i].chunk_tokens, mixed[i].logits++;
        mixed[i].chunk_square = (int64_t)mixed[i].chunk_tokens * mixed[i].chunk_tokens;
        mixed[i].chunk_history = (int64_t)mixed[i].chunk_tokens * (r[3] % 8000);
    }
    static const struct {
        const char *chip, *model, *precision;
        int ranks;
    } cases[] = {{"h200_sxm", "llama-3.1-8b", "bf16", 1}, {"gb300", "deepseek-v3", "fp4", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Fixture f;
        if (!fixture_open(&f, cases[i].chip, cases[i].model, cases[i].precision, cases[i].ranks)) return 1;
        double begun = tw_wall_s();
        TwStepModel *model = fixture_model(&f);
        if (!model) return 1;
        print("step_create", cases[i].model, 1e3 * (tw_wall_s() - begun), "ms");
        print("step_decode", cases[i].model, ns_per_call(model, decode), "ns");
        print("step_mixed", cases[i].model, ns_per_call(model, mixed), "ns");
        tw_step_destroy(model);
        fixture_close(&f);
    }
    if (json) printf("\n}\n");
    return sink > 0.0 ? 0 : 1;
}
