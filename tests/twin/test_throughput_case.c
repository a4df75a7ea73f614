#include "tests/check.h"
#include "twin/validate_throughput.h"

#include <stdio.h>
#include <unistd.h>

// A table of two rows that differ by their stages alone.
static void read_rows(TwThroughput *table, const char *source, const char *engine)
{
    char path[] = "throughput_caseXXXXXX";
    int file = mkstemp(path);
    FILE *stream = file >= 0 ? fdopen(file, "w") : NULL;
    CHECK(stream);
    if (!stream) return;
    fprintf(stream, "id,source_id,model_id,gpu,n_gpus,weight_dtype,engine,tp,pp,mode,isl,osl,concurrency,token_def,"
                    "tokens_per_s\n");
    for (int stages = 1; stages <= 2; stages++)
        fprintf(stream, "s%d,%s,llama-3.1-70b,H200-SXM,4,fp8,%s,%d,%d,closed_loop,1024,128,8,output,100\n", stages,
                source, engine, 4 / stages, stages);
    fclose(stream);
    TwError error;
    CHECK(tw_throughput_read(table, path, &error));
    unlink(path);
    CHECK(table->count == 2 && !table->rows[0].reason[0] && !table->rows[1].reason[0]);
}

// Whatever a source says of the host: with pipeline stages vLLM makes no batch ahead (pull request 27614).
static void no_batch_is_made_ahead_with_stages(void)
{
    static const char *const cases[][2] = {
        {"ME", "vLLM 2026"}, {"INFERENCEX", "vLLM 0.13.0"}, {"ME", "vLLM 0.15.0"}, {"ME", "SGLang 0.5.6"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        TwThroughput table;
        read_rows(&table, cases[k][0], cases[k][1]);
        const TwThroughputRow *one = &table.rows[0], *two = &table.rows[1];
        CHECK(one->engine_spec.ahead && !two->engine_spec.ahead);
        CHECK(!two->deploy.async_scheduling);
        tw_throughput_free(&table);
    }
}

int main(void)
{
    no_batch_is_made_ahead_with_stages();
    return check_failures != 0;
}
