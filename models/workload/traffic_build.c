// Building a source of requests from what its class says: lengths, arrivals, sessions, users, clients, a trace.
#include "models/workload/clients.h"
#include "models/workload/trace_inner.h"
#include "models/workload/traffic_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const class_words[] = {"one_shot", "chat", "agent", "batch", "rollout"};

static bool load_lengths(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (spec->input && spec->output) {
        traffic->input = *spec->input, traffic->output = *spec->output;
        return true;
    }
    const char *set = spec->lengths ? spec->lengths : "";
    if (!*set) return tw_fail(error, TW_BAD_INPUT, "%s: no lengths given, expected a length set", spec->name);

    bool constant = strcmp(set, "constant") == 0;
    if (!constant && strcmp(set, "uniform") != 0) {
        if (!spec->outputs || !*spec->outputs)
            return tw_lengths_load_set(&traffic->input, &traffic->output, set, error);
        // inputs of one source, outputs of another; the inputs may be a table by its whole name
        char in[96];
        snprintf(in, sizeof in, "%.90s_in", set);
        if (!tw_lengths_load(&traffic->input, in, NULL) && !tw_lengths_load(&traffic->input, set, error)) return false;
        return tw_lengths_load(&traffic->output, spec->outputs, error);
    }
    if (!(spec->input_tokens >= 1.0 && spec->input_tokens <= 1e9 && spec->output_tokens >= 1.0 &&
          spec->output_tokens <= 1e9))
        return tw_fail(error, TW_BAD_INPUT, "%s: input_tokens = %g, output_tokens = %g, expected 1 to 1e+09",
                       spec->name, spec->input_tokens, spec->output_tokens);
    double low = constant ? 1.0 : 0.8;
    tw_lengths_uniform(&traffic->input, low * spec->input_tokens, spec->input_tokens);
    tw_lengths_uniform(&traffic->output, low * spec->output_tokens, spec->output_tokens);
    return !spec->outputs || !*spec->outputs || tw_lengths_load(&traffic->output, spec->outputs, error);
}

static bool load_images(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!spec->images || !*spec->images) return true;
    char count[96], tokens[96];
    snprintf(count, sizeof count, "%.80s_count", spec->images);
    snprintf(tokens, sizeof tokens, "%.70s_tokens_per_image", spec->images);
    traffic->images.any = true;
    return tw_lengths_load(&traffic->images.count, count, error) &&
           tw_lengths_load(&traffic->images.tokens, tokens, error);
}

static bool unknown_kind(const TwTrafficSpec *spec, TwError *error)
{
    const char *kind = spec->arrival ? spec->arrival : "";
    const char *nearest = tw_nearest(kind, tw_arrival_words, TW_ARRIVALS);
    if (nearest)
        return tw_fail(error, TW_BAD_INPUT, "%s: arrival \"%s\" is not known, did you mean \"%s\"?", spec->name, kind,
                       nearest);
    return tw_fail(error, TW_BAD_INPUT,
                   "%s: arrival \"%s\" is not known, expected poisson, gamma, weibull, cox, onoff, clients, closed, "
                   "periodic or replay",
                   spec->name, kind);
}

static double most_of(const TwProfile *profile)
{
    double most = 0.0;
    for (int j = 0; j < profile->pieces; j++) most = fmax(most, fmax(profile->from[j], profile->to[j]));
    return most;
}

// Times of one class: fills arrivals for a rate of all cells together.
static bool make_arrivals(TwArrivals *arrivals, const TwTrafficSpec *spec, double rate_s, TwError *error)
{
    const char *kind = spec->arrival && *spec->arrival ? spec->arrival : "poisson";
    TwRenewal renewal = strcmp(kind, "gamma") == 0     ? TW_GAMMA
                        : strcmp(kind, "weibull") == 0 ? TW_WEIBULL
                                                       : TW_EXPONENTIAL;
    TwBurstKind bursts = strcmp(kind, "cox") == 0 ? TW_COX : strcmp(kind, "onoff") == 0 ? TW_ONOFF : TW_NO_BURSTS;
    if (renewal == TW_EXPONENTIAL && bursts == TW_NO_BURSTS && strcmp(kind, "poisson") != 0 &&
        strcmp(kind, "clients") != 0)
        return unknown_kind(spec, error);

    if (!(rate_s > 0.0) || !isfinite(rate_s))
        return tw_fail(error, TW_BAD_INPUT, "%s: rate_s = %g, expected above 0 for %s arrivals", spec->name, rate_s,
                       kind);
    if (renewal != TW_EXPONENTIAL && !(spec->shape > 0.0 && spec->shape <= 1e6))
        return tw_fail(error, TW_BAD_INPUT, "%s: shape = %g, expected above 0 to 1e+06", spec->name, spec->shape);
    if (!tw_profile_load(&arrivals->profile, spec->profile, error)) return false;
    double slab = TW_SLAB_S * rate_s / spec->cells * most_of(&arrivals->profile);
    if (slab >= 1e9)
        return tw_fail(error, TW_BAD_INPUT, "%s: rate_s = %g is %g requests an hour and cell, expected below 1e+09",
                       spec->name, rate_s, slab);

    const char *group = spec->bursts && *spec->bursts ? spec->bursts
                        : bursts == TW_COX            ? "azure23_conv"
                                                      : "azure23_code";
    if (!tw_bursts_load(&arrivals->bursts, bursts, group, error)) return false;
    tw_arrivals_renewal(arrivals, renewal, spec->shape);
    arrivals->rate_s = rate_s / spec->cells;
    arrivals->start_s = spec->start_s + 3600.0 * spec->time_zone_h;
    arrivals->stream = tw_stream(spec->seed, spec->name);
    return true;
}

static TwCrowd *new_crowd(TwTraffic *traffic, const TwTrafficSpec *spec, TwCrowdKind kind)
{
    TwCrowd *crowd = traffic->crowd = calloc(1, sizeof *crowd);
    if (!crowd) abort();
    *crowd = (TwCrowd){.kind = kind, .stream = traffic->arrivals.stream, .cells = spec->cells, .closed = !spec->apart};
    return crowd;
}

// What sessions are like on average, from a sample of them at nominal service.
static void sample_sessions(TwTraffic *traffic, double span_s, double *duration_s)
{
    enum { SAMPLES = 400 };
    const TwSessionPlant *plant = traffic->crowd->sessions;
    double calls = 0.0, input = 0.0, output = 0.0, alive = 0.0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        TwSession s;
        TwCall call;
        double gap_s = 0.0, at_s = 0.0;
        tw_session_begin(plant, &s, i, UINT32_MAX);
        do {
            at_s += gap_s;
            if (at_s > span_s) break;
            tw_session_call(plant, &s, &call);
            at_s += tw_session_service_s(plant, &call);
            calls += 1.0, input += call.input, output += call.output;
        } while (tw_session_next(plant, &s, &gap_s));
        alive += fmin(at_s, span_s);
    }
    traffic->session_turns = calls / SAMPLES;
    traffic->session_input = input / calls;
    traffic->session_output = output / calls;
    *duration_s = alive / SAMPLES;
}

static bool make_sessions(TwTraffic *traffic, const TwTrafficSpec *spec, TwSessionKind kind, TwError *error)
{
    TwCrowd *crowd = new_crowd(traffic, spec, TW_CROWD_SESSIONS);
    crowd->sessions = calloc(1, sizeof *crowd->sessions);
    if (!crowd->sessions) abort();
    TwStream stream = tw_stream(spec->seed, spec->name);
    const char *preset = kind == TW_CHAT                     ? "mooncake_conv"
                         : spec->sessions && *spec->sessions ? spec->sessions
                                                             : "claude_code";
    if (!tw_session_plant(crowd->sessions, kind, preset, stream, traffic->key, error)) return false;
    crowd->sessions->context_tokens = spec->context_tokens;
    crowd->sessions->length_scale = traffic->length_scale;
    // the first prompt and the answers of a chat may come from another set, its system prompt from its prefix
    if (kind == TW_CHAT && spec->lengths && *spec->lengths && strcmp(spec->lengths, "mooncake_conv") != 0) {
        if (!load_lengths(traffic, spec, error)) return false;
        crowd->sessions->first = traffic->input;
        crowd->sessions->output = traffic->output;
    }
    if (kind == TW_CHAT && traffic->prefix.kind == TW_PREFIX_GLOBAL)
        crowd->sessions->global_tokens = traffic->prefix.tokens;
    crowd->span_s = spec->span_s > 0.0 ? spec->span_s : kind == TW_CHAT ? 7200.0 : 86400.0;

    double duration_s;
    sample_sessions(traffic, crowd->span_s, &duration_s);
    double per_s = spec->sessions_per_h > 0.0 ? spec->sessions_per_h / 3600.0 : spec->rate_s / traffic->session_turns;
    if (!make_arrivals(&crowd->arrivals, spec, per_s, error)) return false;
    traffic->arrivals = crowd->arrivals;
    traffic->rate_s = per_s * traffic->session_turns;
    // room for what lives at the peak of the profile, slower service and bursts
    double alive = per_s / spec->cells * duration_s * most_of(&crowd->arrivals.profile);
    double room = spec->sessions_max > 0 ? spec->sessions_max : 2.5 * alive + 8.0 * sqrt(alive) + 64.0;
    if (room > 4e6)
        return tw_fail(error, TW_BAD_INPUT, "%s: %g sessions live at once in a cell, expected at most 4e+06",
                       spec->name, room);
    crowd->slots = (int)room;
    return true;
}

static bool make_users(TwTraffic *traffic, const TwTrafficSpec *spec, bool periodic, TwError *error)
{
    if (spec->users < 1)
        return tw_fail(error, TW_BAD_INPUT, "%s: users = %d, expected 1 or more", spec->name, spec->users);
    TwCrowd *crowd = new_crowd(traffic, spec, periodic ? TW_CROWD_PERIODIC : TW_CROWD_USERS);
    crowd->stream = traffic->arrivals.stream = tw_stream(spec->seed, spec->name);
    crowd->slots = (spec->users + spec->cells - 1) / spec->cells;
    crowd->think_s = spec->think_s;
    crowd->period_s = spec->period_s;
    crowd->jitter_s = spec->jitter_s;
    crowd->start_s = spec->begins_s;
    if (spec->deadline_s > 0.0) traffic->deadline_ns = (int64_t)((spec->begins_s + spec->deadline_s) * 1e9);
    crowd->requests = (spec->requests + spec->cells - 1) / spec->cells;
    if (periodic && !(spec->period_s > 0.0 && spec->jitter_s >= 0.0 && spec->jitter_s < 0.5 * spec->period_s))
        return tw_fail(error, TW_BAD_INPUT, "%s: period_s = %g, jitter_s = %g, expected above 0 and below half of it",
                       spec->name, spec->period_s, spec->jitter_s);
    if (!load_lengths(traffic, spec, error)) return false;
    double users = (double)crowd->slots * spec->cells, input, output;
    (void)tw_traffic_mean_tokens(traffic, &input, &output);
    traffic->rate_s = users / (periodic ? spec->period_s : tw_nominal_service_s(input, output) + spec->think_s);
    return tw_profile_load(&traffic->arrivals.profile, NULL, error);
}

static bool make_clients(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!make_arrivals(&traffic->arrivals, spec, spec->rate_s, error)) return false;
    TwCrowd *crowd = new_crowd(traffic, spec, TW_CROWD_CLIENTS);
    crowd->closed = false;
    if (!tw_clients_make(crowd, spec->client_service, spec->clients, spec->zipf_s, spec->big_clients, error))
        return false;
    crowd->slots = crowd->client_count;
    crowd->client_arrivals = calloc((size_t)crowd->slots, sizeof *crowd->client_arrivals);
    if (!crowd->client_arrivals) abort();
    for (int i = 0; i < crowd->slots; i++) {
        TwArrivals *a = &crowd->client_arrivals[i];
        *a = traffic->arrivals;
        char name[96];
        snprintf(name, sizeof name, "%s client %d", spec->name, i + 1);
        a->stream = tw_stream(spec->seed, name);
        a->rate_s = traffic->arrivals.rate_s * crowd->client[i].share;
        if (crowd->client[i].steps) a->step_peak = crowd->client[i].peak_over_mean;
        tw_arrivals_renewal(a, crowd->client[i].renewal, crowd->client[i].shape);
    }
    traffic->rate_s = spec->rate_s;
    traffic->client_rho = 0.5;
    return load_lengths(traffic, spec, error);
}

static bool make_generator(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    const char *kind = spec->arrival ? spec->arrival : "", *class = spec->kind && *spec->kind ? spec->kind : "one_shot";
    bool known = false;
    for (int i = 0; i < TW_COUNT(class_words); i++) known |= strcmp(class, class_words[i]) == 0;
    if (!known) {
        const char *near = tw_nearest(class, class_words, TW_COUNT(class_words));
        return tw_fail(error, TW_BAD_INPUT,
                       "%s: kind \"%s\" is not known, expected one_shot, chat, agent, batch or rollout%s%s%s",
                       spec->name, class, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (!(spec->rho_in_out >= -1.0 && spec->rho_in_out <= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "%s: rho_in_out = %g, expected -1 to 1", spec->name, spec->rho_in_out);
    // a rank correlation through a Gaussian copula
    traffic->rho = 2.0 * sin(0.52359877559829887 * spec->rho_in_out);
    traffic->samples = spec->samples > 0 ? spec->samples : 1;
    if (!tw_prefix_make(&traffic->prefix, spec->name, &spec->prefix, traffic->key, error) ||
        !load_images(traffic, spec, error))
        return false;
    if (strcmp(class, "chat") == 0) return make_sessions(traffic, spec, TW_CHAT, error);
    if (strcmp(class, "agent") == 0) return make_sessions(traffic, spec, TW_AGENT, error);
    bool rollout = strcmp(class, "rollout") == 0;
    if (rollout || strcmp(class, "batch") == 0 || strcmp(kind, "closed") == 0) {
        if (!make_users(traffic, spec, false, error)) return false;
        traffic->crowd->samples = traffic->samples;
        traffic->crowd->rollout = rollout;
        traffic->crowd->closed |= rollout;
        return true;
    }
    if (strcmp(kind, "periodic") == 0) return make_users(traffic, spec, true, error);
    if (strcmp(kind, "clients") == 0) return make_clients(traffic, spec, error);
    if (!make_arrivals(&traffic->arrivals, spec, spec->rate_s, error)) return false;
    traffic->rate_s = spec->rate_s;
    return load_lengths(traffic, spec, error);
}

static bool make_replay(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!spec->trace || !*spec->trace)
        return tw_fail(error, TW_BAD_INPUT, "%s: replay without a file, expected the path of a trace", spec->name);
    const TwTraceOptions options = {.skip_bad_rows = spec->skip_bad_rows,
                                    .reorder_s = spec->reorder_s,
                                    .block_tokens = spec->block_tokens,
                                    .keep_zero = spec->keep_zero,
                                    .model = spec->model,
                                    .thin_fraction = spec->thin_fraction,
                                    .window_s = spec->window_s,
                                    .spread_s = spec->spread_s,
                                    .keep_blocks = true};
    if (!tw_trace_read(&traffic->trace, spec->trace, &options, error)) return false;

    const TwTrace *trace = traffic->trace;
    traffic->samples = 1;
    traffic->loop_shares = spec->loop_shares_prefix;
    if (trace->block_start) traffic->list = (TwContentList){.id = trace->block_id, .tokens = trace->block_tokens};
    double scale = spec->time_scale > 0.0 ? spec->time_scale : 1.0;
    traffic->row_ns = tw_trace_grow(NULL, trace->rows, sizeof *traffic->row_ns);
    for (int64_t r = 0; r < trace->rows; r++)
        traffic->row_ns[r] = scale == 1.0 ? trace->arrival_ns[r] : (int64_t)rint((double)trace->arrival_ns[r] / scale);

    // a lap ends one mean interval after its last arrival
    int64_t span_ns = traffic->row_ns[trace->rows - 1];
    traffic->lap_ns = INT64_MAX;
    if (spec->loop) {
        if (span_ns <= 0)
            return tw_fail(error, TW_BAD_INPUT, "%s: cannot loop a trace whose rows are all at one time", spec->trace);
        traffic->lap_ns = span_ns + span_ns / (trace->rows - 1);
    }
    // agents wait for their answers, unless their calls are to come as they were written
    if (trace->call && !spec->apart) {
        traffic->arrivals.stream = tw_stream(spec->seed, spec->name);
        tw_crowd_replay(new_crowd(traffic, spec, TW_CROWD_REPLAY), trace, scale, traffic->lap_ns);
    }
    traffic->rate_s = (double)trace->rows / fmax(1e-9 * (double)span_ns, 1e-9);
    if (spec->loop) traffic->rate_s = (double)trace->rows / (1e-9 * (double)traffic->lap_ns);
    return true;
}

bool tw_traffic_create(TwTraffic **out, const TwTrafficSpec *spec, TwLayout *layout, TwError *error)
{
    assert(spec->cells >= 1 && spec->name && isfinite(spec->start_s));
    *out = NULL;
    if (spec->length_scale < 0.0 || !isfinite(spec->length_scale))
        return tw_fail(error, TW_BAD_INPUT, "%s: length_scale = %g, expected above 0", spec->name, spec->length_scale);
    if (spec->context_tokens < 0 || spec->context_tokens == 1 || spec->context_tokens > INT32_MAX)
        return tw_fail(error, TW_BAD_INPUT, "%s: context_tokens = %lld, expected 2 to %d, or 0 for no cut", spec->name,
                       (long long)spec->context_tokens, INT32_MAX);

    TwTraffic *traffic = calloc(1, sizeof *traffic);
    if (!traffic) abort();
    snprintf(traffic->name, sizeof traffic->name, "%s", spec->name);
    traffic->cells = spec->cells;
    traffic->context_tokens = spec->context_tokens;
    traffic->priority = spec->priority;
    traffic->service = spec->service;
    traffic->key = tw_content_mix(tw_hash64(spec->name), spec->seed);
    traffic->length_scale = spec->length_scale > 0.0 ? spec->length_scale : 1.0;
    traffic->input_scale = spec->input_scale > 0.0 ? spec->input_scale : 1.0;

    bool replay = spec->arrival ? strcmp(spec->arrival, "replay") == 0 : spec->trace != NULL;
    if (!(replay ? make_replay(traffic, spec, error) : make_generator(traffic, spec, error))) {
        tw_traffic_destroy(traffic);
        return false;
    }
    traffic->cell = tw_layout_add(layout, (size_t)spec->cells, sizeof(TwTrafficCell));
    if (traffic->crowd) tw_crowd_layout(traffic->crowd, layout);
    *out = traffic;
    return true;
}

static int64_t ids_of(const TwTraffic *part) { return part->list.id ? part->trace->block_start[part->trace->rows] : 0; }

// One list for the engine. The same id in two traces is not the same content.
static void join_ids(TwTraffic *traffic)
{
    int64_t all = 0;
    int listed = 0;
    traffic->list_base = calloc((size_t)traffic->part_count, sizeof *traffic->list_base);
    if (!traffic->list_base) abort();
    for (int i = 0; i < traffic->part_count; i++) {
        if (!traffic->parts[i]->list.id) continue;
        assert(listed == 0 || traffic->parts[i]->list.tokens == traffic->list.tokens);
        traffic->list = traffic->parts[i]->list;
        traffic->list_base[i] = all;
        all += ids_of(traffic->parts[i]);
        listed++;
    }
    if (listed < 2) return;
    traffic->joined_id = tw_trace_grow(NULL, all, sizeof *traffic->joined_id);
    for (int i = 0; i < traffic->part_count; i++)
        for (int64_t k = 0; k < ids_of(traffic->parts[i]); k++)
            traffic->joined_id[traffic->list_base[i] + k] = tw_content_mix(traffic->parts[i]->list.id[k], (uint64_t)i);
    traffic->list.id = traffic->joined_id;
}

void tw_traffic_merge(TwTraffic **out, TwTraffic *const *parts, int count, TwLayout *layout)
{
    assert(count >= 1 && count <= PARTS);
    TwTraffic *traffic = calloc(1, sizeof *traffic);
    TwTraffic **copy = calloc((size_t)count, sizeof *copy);
    if (!traffic || !copy) abort();
    memcpy(copy, parts, (size_t)count * sizeof *copy);
    *traffic = (TwTraffic){.parts = copy, .part_count = count, .cells = parts[0]->cells};
    for (int i = 0; i < count; i++) {
        assert(parts[i]->cells == traffic->cells);
        copy[i]->service = i;
        traffic->rate_s += parts[i]->rate_s;
    }
    traffic->cell = tw_layout_add(layout, (size_t)traffic->cells, sizeof(TwTrafficCell));
    join_ids(traffic);
    *out = traffic;
}

int tw_traffic_parts(const TwTraffic *traffic) { return traffic->parts ? traffic->part_count : 1; }
const TwTraffic *tw_traffic_part(const TwTraffic *traffic, int i)
{
    return traffic->parts ? traffic->parts[i] : traffic;
}
const char *tw_traffic_name(const TwTraffic *traffic) { return traffic->name; }
const TwContentList *tw_traffic_list(const TwTraffic *traffic) { return traffic->list.id ? &traffic->list : NULL; }

bool tw_traffic_replay_shares(const TwTraffic *traffic) { return traffic->trace && tw_trace_shares(traffic->trace); }

void tw_traffic_destroy(TwTraffic *traffic)
{
    if (!traffic) return;
    for (int i = 0; i < traffic->part_count; i++) tw_traffic_destroy(traffic->parts[i]);
    free(traffic->parts);
    if (traffic->crowd) tw_crowd_free(traffic->crowd);
    free(traffic->crowd);
    tw_prefix_free(&traffic->prefix);
    tw_trace_destroy(traffic->trace);
    tw_trace_free(traffic->row_ns);
    tw_trace_free(traffic->joined_id);
    free(traffic->list_base);
    free(traffic);
}
