#include "models/workload/prefix.h"

#include "sim/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool make_popularity(TwPrefixModel *p, double zipf_s)
{
    p->cumulative = calloc((size_t)p->count, sizeof *p->cumulative);
    if (!p->cumulative) abort();
    double sum = 0.0;
    for (int i = 0; i < p->count; i++) p->cumulative[i] = sum += pow(i + 1.0, -zipf_s);
    for (int i = 0; i < p->count; i++) p->cumulative[i] /= sum;
    int at = 0;
    for (int g = 0; g <= TW_PREFIX_GUIDE; g++) {
        while (at < p->count - 1 && p->cumulative[at] < (double)g / TW_PREFIX_GUIDE) at++;
        p->guide[g] = at;
    }
    return true;
}

static bool make_lengths(TwPrefixModel *p, const char *table, TwError *error)
{
    TwLengths lengths;
    if (!tw_lengths_load(&lengths, table, error)) return false;
    p->length = calloc((size_t)p->count, sizeof *p->length);
    if (!p->length) abort();
    // lengths spread over the table by template, not by rank: a hash of its number
    for (int i = 0; i < p->count; i++) {
        double u = ((double)(tw_content_mix(7, (uint64_t)i) >> 40) + 0.5) * 0x1p-24;
        p->length[i] = (int32_t)floor(tw_lengths_quantile(&lengths, u) + 0.5);
    }
    return true;
}

bool tw_prefix_make(TwPrefixModel *p, const char *name, const TwPrefixSpec *spec, uint64_t key, TwError *error)
{
    static const char *const kinds[] = {"none", "global", "templates", "groups", "target"};
    *p = (TwPrefixModel){.key = key, .count = 1};
    const char *kind = spec->kind && *spec->kind ? spec->kind : "none";
    int k = 0;
    while (k < TW_COUNT(kinds) && strcmp(kinds[k], kind) != 0) k++;
    if (k == TW_COUNT(kinds)) {
        const char *near = tw_nearest(kind, kinds, TW_COUNT(kinds));
        return tw_fail(error, TW_BAD_INPUT,
                       "%s: prefix \"%s\" is not known, expected none, global, templates, groups or target%s%s%s", name,
                       kind, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    p->kind = (TwPrefixKind)k;
    if (p->kind == TW_PREFIX_NONE) return true;

    bool table = spec->table && *spec->table;
    bool needs_tokens = p->kind != TW_PREFIX_TARGET && !(p->kind == TW_PREFIX_TEMPLATES && table);
    if (needs_tokens && !(spec->tokens >= 1.0 && spec->tokens <= 1e8))
        return tw_fail(error, TW_BAD_INPUT, "%s: prefix tokens = %g, expected 1 to 1e+08", name, spec->tokens);
    if (p->kind == TW_PREFIX_TARGET && !(spec->share >= 0.0 && spec->share < 1.0))
        return tw_fail(error, TW_BAD_INPUT, "%s: prefix share = %g, expected 0 to below 1", name, spec->share);
    if (spec->count < 0 || spec->count > TW_PREFIX_MOST)
        return tw_fail(error, TW_BAD_INPUT, "%s: prefix count = %lld, expected 1 to %d", name, (long long)spec->count,
                       TW_PREFIX_MOST);
    p->count = spec->count > 0 ? (int)spec->count : 1;
    p->tokens = (int32_t)spec->tokens;
    p->share = spec->share;
    if (p->kind == TW_PREFIX_TEMPLATES) {
        if (!make_popularity(p, spec->zipf_s)) return false;
        if (table && !make_lengths(p, spec->table, error)) {
            tw_prefix_free(p);
            return false;
        }
    }
    return true;
}

void tw_prefix_free(TwPrefixModel *p)
{
    free(p->length);
    free(p->cumulative);
    p->length = NULL;
    p->cumulative = NULL;
}

double tw_prefix_added_tokens(const TwPrefixModel *p) { return p->kind == TW_PREFIX_GROUPS ? (double)p->tokens : 0.0; }

static int which(const TwPrefixModel *p, double u)
{
    if (!p->cumulative) return (int)(u * p->count);
    int i = p->guide[(int)(u * TW_PREFIX_GUIDE)];
    while (i < p->count - 1 && p->cumulative[i] < u) i++;
    return i;
}

void tw_prefix_fill(const TwPrefixModel *p, double u, uint64_t number, TwRequest *request)
{
    TwContent *c = &request->content;
    if (p->kind == TW_PREFIX_NONE) {
        c->count = 0;
        c->list = 0;
        c->output_stream = 0;
        return;
    }
    int client = p->kind == TW_PREFIX_GLOBAL ? 0 : which(p, u);
    int32_t shared = p->tokens;
    if (p->kind == TW_PREFIX_TEMPLATES && p->length) shared = p->length[client];
    if (p->kind == TW_PREFIX_TARGET) shared = (int32_t)(p->share * request->input_tokens + 0.5);
    if (p->kind == TW_PREFIX_GROUPS && request->input_tokens <= 1000000000 - shared) request->input_tokens += shared;

    // a prompt that is shorter than what it shares is the beginning of it
    int32_t input = request->input_tokens, own = input - shared;
    if (shared > input) shared = input, own = 0;
    *c = (TwContent){0};
    if (shared > 0) c->segment[c->count++] = (TwSegment){tw_content_stream(p->key, (uint64_t)client), 0, shared};
    uint64_t stream = tw_content_stream(p->key, number | 1ull << 62);
    if (own > 0) c->segment[c->count++] = (TwSegment){stream, shared, own};
    c->output_stream = stream;
    c->output_start = input;
}
