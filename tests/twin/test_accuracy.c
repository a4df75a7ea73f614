// Which published rows a prediction is compared with, and tables that are wrong.
#include "tests/check.h"
#include "twin/accuracy.h"

#include <unistd.h>

static char path[] = "/tmp/test_accuracy_XXXXXX";

static const char head[] =
    "# a comment\nlevel,chip,generation,models,engine,load,quantity,rows,publishers,blind,p10,p50,p90,low,high\n";

static void write_table(const char *header, const char *rows)
{
    FILE *file = fopen(path, "w");
    if (!file) abort();
    fprintf(file, "%s%s", header, rows);
    fclose(file);
}

static const char table[] = "load,b200_sxm,blackwell,dense,trtllm,offline,rate,40,3,4,-0.1,0.01,0.1,-0.2,0.2\n"
                            "load,b200_sxm,blackwell,dense,vllm,offline,rate,40,1,0,-0.1,0.02,0.1,-0.2,0.2\n"
                            "engine,b200_sxm,blackwell,dense,vllm,,rate,9,3,0,-0.1,0.03,0.1,-0.2,0.2\n"
                            "chip,b200_sxm,blackwell,dense,,,rate,89,3,4,-0.1,0.04,0.1,-0.2,0.2\n"
                            "generation,,blackwell,dense,,,rate,120,4,4,-0.1,0.05,0.1,-0.2,0.2\n"
                            "kind,,,dense,,,rate,400,6,4,-0.1,0.06,0.1,-0.2,0.2\n"
                            "kind,,,dense,,,joules,30,2,0,-0.1,-0.06,0.1,-0.2,0.2\n"
                            "all,,,,,,rate,900,9,4,-0.1,0.07,0.1,-0.2,0.2\n"
                            "blind,,,,,,rate,4,2,4,-0.1,0.08,0.1,-0.2,0.2\n";

// The rate's group for what is predicted: its level, and a median that no other group has.
static void nearest(const TwLike *like, TwErrorLevel level, double median, int chip_rows)
{
    TwAccuracy a;
    TwError error = {0};
    CHECK(tw_accuracy_find(&a, path, like, 1, &error));
    CHECK(a.band[TW_ERROR_RATE].level == level);
    CHECK_NEAR(a.band[TW_ERROR_RATE].p50, median, 1e-12);
    CHECK(a.chip_rows == chip_rows);
}

// From the nearest group to the widest, past those of few rows or of one publisher; each quantity by itself.
static void falls_back(void)
{
    write_table(head, table);
    nearest(&(TwLike){"b200_sxm", false, "trtllm", "offline"}, TW_LIKE_LOAD, 0.01, 89);
    nearest(&(TwLike){"b200_sxm", false, "trtllm", "closed"}, TW_LIKE_CHIP, 0.04, 89);
    nearest(&(TwLike){"b200_sxm", false, "vllm", "offline"}, TW_LIKE_CHIP, 0.04, 89);    // one publisher; nine rows
    nearest(&(TwLike){"b200_sxm", false, "", "offline"}, TW_LIKE_CHIP, 0.04, 89);
    nearest(&(TwLike){"gb300", false, "vllm", "offline"}, TW_LIKE_GENERATION, 0.05, 0);
    nearest(&(TwLike){"h200_sxm", false, "vllm", "offline"}, TW_LIKE_KIND, 0.06, 0);
    nearest(&(TwLike){"mine/chip.cfg", false, "vllm", "offline"}, TW_LIKE_KIND, 0.06, 0);
    nearest(&(TwLike){"b200_sxm", true, "trtllm", "offline"}, TW_LIKE_ALL, 0.07, 0);
    TwAccuracy a;
    const TwLike like = {"b200_sxm", false, "trtllm", "offline"};
    CHECK(tw_accuracy_find(&a, path, &like, 1, NULL));
    CHECK(a.band[TW_ERROR_JOULES].level == TW_LIKE_KIND && a.band[TW_ERROR_JOULES].rows == 30);
    CHECK(a.band[TW_ERROR_TTFT].rows == 0 && a.band[TW_ERROR_POWER].rows == 0);
    // several of one reading are each as alone
    const TwLike both[] = {{"gb300", false, "vllm", "offline"}, like};
    TwAccuracy each[2];
    CHECK(tw_accuracy_find(each, path, both, 2, NULL));
    CHECK(each[0].band[TW_ERROR_RATE].level == TW_LIKE_GENERATION && each[0].chip_rows == 0);
    CHECK(memcmp(&each[1], &a, sizeof a) == 0);
    CHECK(a.band[TW_ERROR_RATE].blind == 4 && a.band[TW_ERROR_RATE].publishers == 3);
}

static void generations(void)
{
    CHECK_TEXT(tw_chip_generation("a100_sxm_80"), "ampere");
    CHECK_TEXT(tw_chip_generation("gh200_144"), "hopper");
    CHECK_TEXT(tw_chip_generation("gb300"), "blackwell");
    CHECK_TEXT(tw_chip_generation("gb3000"), "");
    CHECK_TEXT(tw_chip_generation("rubin_cpx"), "");
}

static void words(void)
{
    char text[128];
    const TwLike like = {"h200_sxm", false, "trtllm", "closed"}, rubin = {"rubin", true, "vllm", "open"};
    CHECK_TEXT(tw_accuracy_group(&like, TW_LIKE_LOAD, text),
               "dense models on H200 SXM under TensorRT-LLM, a number in flight");
    CHECK_TEXT(tw_accuracy_group(&like, TW_LIKE_GENERATION, text), "dense models on chips of Hopper");
    CHECK_TEXT(tw_accuracy_group(&rubin, TW_LIKE_ALL, text), "all models on all chips");
    TwAccuracy a = {0};
    CHECK_TEXT(tw_accuracy_warning(&a, &rubin, text),
               "no published row of a mixture of experts on Rubin: those of other chips");
    a.chip_rows = 3;
    const char *few = "of mixtures of experts on Rubin 3 published rates: too few, or of one publisher";
    CHECK_TEXT(tw_accuracy_warning(&a, &rubin, text), few);    // nor is any wider group large enough
    a.band[TW_ERROR_RATE] = (TwErrorBand){.level = TW_LIKE_GENERATION, .rows = 30};
    CHECK_TEXT(tw_accuracy_warning(&a, &rubin, text), few);
    a.band[TW_ERROR_RATE].level = TW_LIKE_CHIP;
    CHECK(tw_accuracy_warning(&a, &rubin, text) == NULL);
}

static void refused(const char *header, const char *rows, int line, const char *what)
{
    TwAccuracy a;
    TwError error = {0};
    const TwLike like = {"b200_sxm", false, "trtllm", "offline"};
    write_table(header, rows);
    CHECK(!tw_accuracy_find(&a, path, &like, 1, &error));
    CHECK_TEXT(error.file, path);
    CHECK(error.line == line);
    CHECK_HOLDS(error.text, what);
    CHECK(a.band[TW_ERROR_RATE].rows == 0);
}

// A wrong line is an error with its place, wherever it stands.
static void wrong_tables(void)
{
    refused("level,chip,generation,models,engine,load,quantity,rows,publishers,blind,p10,p50,p90,low\n", "", 1,
            "no column high");
    refused(head, "nearest,,,,,,rate,9,2,0,0,0,0,0,0\n", 3,
            "level \"nearest\": expected one of load, engine, chip, generation, kind, all, blind, early");
    refused(head, "all,,,,,,speed,9,2,0,0,0,0,0,0\n", 3,
            "quantity \"speed\": expected one of rate, ttft, power, joules");
    refused(head, "all,,,,,,rate,0,2,0,0,0,0,0,0\n", 3, "rows = 0, expected a whole number, 1 or more");
    refused(head, "all,,,,,,rate,9.5,2,0,0,0,0,0,0\n", 3, "rows = 9.5, expected a whole number, 1 or more");
    refused(head, "all,,,,,,rate,9,12,0,0,0,0,0,0\n", 3, "publishers = 12, expected at most its 9 rows");
    refused(head, "all,,,,,,rate,9,2,10,0,0,0,0,0\n", 3, "blind = 10, expected at most its 9 rows");
    refused(head, "all,,,,,,rate,9,2,0,0,many,0,0,0\n", 3, "many");
    refused(head, "all,,,,,,rate,9,2,0,0,nan,0,0,0\n", 3, "nan");
    refused(head, "all,,,,,,rate,9,2,0,-1.5,0,0,-2,0\n", 3, "expected -1 or more");
    refused(head, "all,,,,,,rate,9,2,0,0.2,0.1,0.3,0,0.4\n", 3, "p50 = 0.1 below p10 = 0.2");
    refused(head, "all,,,,,,rate,9,2,0,0.1,0.2,0.3,0,0.25\n", 3, "high = 0.25 below p90 = 0.3");
    refused(head, "all,,,,,,rate,9,2\n", 3, "9 fields, expected 15");
}

int main(void)
{
    int made = mkstemp(path);
    if (made < 0) abort();
    close(made);
    falls_back();
    generations();
    words();
    wrong_tables();
    unlink(path);
    return check_failures != 0;
}
