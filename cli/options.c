// Reads the command line into TwOptions: each word checked, options of other programs told, settings made of options.
#include "cli/commands.h"
#include "cli/elsewhere.h"
#include "cli/options_table.h"

#include "sim/config.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// "24h", "90s", "1.5min", "2d" -> seconds. False: no span.
static bool read_time(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"s", 1.0}, {"min", 60.0}, {"h", 3600.0}, {"d", 86400.0}, {"ms", 1e-3}};
    char *end;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value) || value < 0.0) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) != 0) continue;
        *seconds = value * units[i].factor;
        return true;
    }
    *seconds = 0.0;
    return value == 0.0 && !*end;
}

static bool read_span(const char *text, double *seconds) { return read_time(text, seconds) && *seconds > 0.0; }

bool tw_color(const TwOptions *options, FILE *stream)
{
    if (options->color) return options->color == 1;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

static bool usage(const char *format, const char *a, const char *b)
{
    fprintf(stderr, "tokenworks: ");
    fprintf(stderr, format, a, b);
    fputc('\n', stderr);
    return false;
}

static bool unknown_option(const char *given, TwCommand command)
{
    const char *known[TW_OPTION_ROWS_MOST];
    int count = 0;
    for (const TwOptionRow *row = tw_option_rows; row->name; row++)
        if (row->commands & (int)command) known[count++] = row->name;
    char name[128], written[128];
    while (*given == '-') given++;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
    memcpy(written, name, sizeof name);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
    const char *first = NULL, *near = tw_nearest(name, known, count);
    for (int i = 0; i < count; i++) {
        // underscores for dashes, or a value that it does not take
        if (strcmp(known[i], name) == 0)
            return strcmp(known[i], written) == 0 ? usage("option --%s takes no value%s", name, "")
                                                  : usage("unknown option --%s; did you mean --%s?", written, name);
        if (strncmp(known[i], name, strlen(name)) != 0) continue;
        if (first) {
            fprintf(stderr, "tokenworks: --%s is short for --%s, --%s and perhaps more\n", name, first, known[i]);
            return false;
        }
        first = known[i];
    }
    const char *here = tw_option_elsewhere(name);
    for (int i = 0; here && i < count; i++)
        if (strcmp(known[i], here) == 0) near = here;
    if (near) return usage("unknown option --%s; did you mean --%s?", written, near);
    return usage("unknown option --%s; see --help", written, "");
}

// A setting made from an option: kept in the options themselves.
static bool add_set(TwOptions *o, const char *path, const char *value)
{
    if (o->set_count == TW_SETS || o->text_count == (int)(sizeof o->text / sizeof *o->text))
        return usage("too many settings%s%s", "", "");
    char *text = o->text[o->text_count++];
    if (snprintf(text, sizeof o->text[0], "%s=%s", path, value) >= (int)sizeof o->text[0])
        return usage("%s is too long: %s", path, value);
    o->sets[o->set_count++] = text;
    return true;
}

static bool whole(const char *text, int64_t least, int64_t *value)
{
    char *end;
    errno = 0;
    long long got = strtoll(text, &end, 10);
    if (end == text || *end || errno == ERANGE || got < least) return false;
    *value = got;
    return true;
}

// Options whose word is kept as it is, and those that say yes.
typedef struct Kept {
    int id;
    size_t at;    // in TwOptions
} Kept;
static const Kept words[] = {
    {'o', offsetof(TwOptions, out)},
    {TW_OPT_EXPLAIN, offsetof(TwOptions, explain)},
    {TW_OPT_SCREENSHOT, offsetof(TwOptions, screenshot)},
    {TW_OPT_VIEWS, offsetof(TwOptions, view)},
    {TW_OPT_SELECT, offsetof(TwOptions, select)},
    {TW_OPT_OF_STUDY, offsetof(TwOptions, study)},
    {TW_OPT_ERRORS, offsetof(TwOptions, errors)},
    {TW_OPT_COLOUR, offsetof(TwOptions, colour)},
    {TW_OPT_PLOT, offsetof(TwOptions, plot)},
    {TW_OPT_TRACE_CLASS, offsetof(TwOptions, traffic_class)},
    {TW_OPT_TRACE_FORMAT, offsetof(TwOptions, format)},
    {TW_OPT_EXPORT, offsetof(TwOptions, export_format)},
    {TW_OPT_RESTORE, offsetof(TwOptions, restore)},
    {TW_OPT_CLOSED, offsetof(TwOptions, closed)},
    {TW_OPT_OPEN_LIST, offsetof(TwOptions, open_list)},
    {TW_OPT_CLOSE_LIST, offsetof(TwOptions, close_list)},
    {TW_OPT_SCALE, offsetof(TwOptions, scale)},
    {TW_OPT_SLACK, offsetof(TwOptions, slack)},
    {TW_OPT_SLACK_V, offsetof(TwOptions, slack_v)},
    {TW_OPT_BASE_KV, offsetof(TwOptions, base_kv)},
    {TW_OPT_BASE_MVA, offsetof(TwOptions, base_mva)},
    {TW_OPT_LOAD_MODEL, offsetof(TwOptions, load_model)},
    {TW_OPT_METHOD, offsetof(TwOptions, method)},
    {TW_OPT_TOLERANCE, offsetof(TwOptions, tolerance)},
    {TW_OPT_POWER_FACTOR, offsetof(TwOptions, power_factor)},
    {TW_OPT_OUTPUT, offsetof(TwOptions, output)},
    {TW_OPT_MEGAWATTS, offsetof(TwOptions, mw)},
    {TW_OPT_BY, offsetof(TwOptions, by)},
    {TW_OPT_LOAD, offsetof(TwOptions, load)},
    {TW_OPT_WITHIN, offsetof(TwOptions, within)},
    {TW_OPT_EVERY, offsetof(TwOptions, every)},
    {TW_OPT_WHEN, offsetof(TwOptions, when)},
};
static const Kept flags[] = {
    {TW_OPT_UNDISTURBED, offsetof(TwOptions, undisturbed)},
    {TW_OPT_EACH, offsetof(TwOptions, each)},
    {TW_OPT_FOLLOW, offsetof(TwOptions, follow)},
    {TW_OPT_CONTINGENCY, offsetof(TwOptions, contingency)},
    {TW_OPT_Q_LIMITS, offsetof(TwOptions, q_limits)},
    {TW_OPT_JSON, offsetof(TwOptions, json)},
    {TW_OPT_RESOLVED, offsetof(TwOptions, resolved)},
    {TW_OPT_STRICT, offsetof(TwOptions, strict)},
    {TW_OPT_DRY_RUN, offsetof(TwOptions, dry_run)},
    {TW_OPT_FORCE, offsetof(TwOptions, force)},
    {TW_OPT_MERGE, offsetof(TwOptions, merge)},
    {TW_OPT_NO_PLOTS, offsetof(TwOptions, no_plots)},
    {TW_OPT_RETRY, offsetof(TwOptions, retry_failed)},
    {'q', offsetof(TwOptions, quiet)},
    {'v', offsetof(TwOptions, verbose)},
};

// False: no such option is kept.
static bool keep(TwOptions *o, int id, const char *arg)
{
    for (int i = 0; i < TW_COUNT(words); i++)
        if (words[i].id == id) {
            *(const char **)((char *)o + words[i].at) = arg;
            return true;
        }
    for (int i = 0; i < TW_COUNT(flags); i++)
        if (flags[i].id == id) return *(bool *)((char *)o + flags[i].at) = true;
    if (id < TW_OPT_SERVING || id >= TW_OPT_SET) return false;
    o->serving[id - TW_OPT_SERVING] = arg ? arg : "";
    return true;
}

// One word of --event into an entry of the list `events`: what, then to whom, then settings as in a file, `at` and
// `for` with any unit of time. False: it is none of these.
static bool event_word(const char *word, int place, char *text, size_t size)
{
    const char *equals = strchr(word, '=');
    size_t used = strlen(text), name = equals ? (size_t)(equals - word) : 0;
    if (!equals && place > 1) return false;
    if (!equals && place > 0 && strchr(word, ',')) {
        snprintf(text + used, size - used, "elements = [\"");
        for (const char *c = word; *c && strlen(text) + 8 < size; c++)
            snprintf(text + strlen(text), size - strlen(text), "%.*s", *c == ',' ? 4 : 1, *c == ',' ? "\", \"" : c);
        snprintf(text + strlen(text), size - strlen(text), "\"]; ");
        return true;
    }
    if (!equals) {
        snprintf(text + used, size - used, "%s = \"%s\"; ", place == 0 ? "kind" : "element", word);
        return place > 0 || strchr(word, '"') == NULL;
    }
    const char *value = equals + 1;
    bool at = name == 2 && strncmp(word, "at", 2) == 0, span = name == 3 && strncmp(word, "for", 3) == 0;
    if (at || span) {
        double seconds;
        if (!read_time(value, &seconds)) return false;
        snprintf(text + used, size - used, "%s_s = %.9g; ", at ? "at" : "for", seconds);
        return true;
    }
    char *end;
    strtod(value, &end);
    bool bare = (*value && !*end) || strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    snprintf(text + used, size - used, bare ? "%.*s = %s; " : "%.*s = \"%s\"; ", (int)name, word, value);
    return name > 0 && *value;
}

static bool add_event(TwOptions *o, const char *arg)
{
    char words[160], text[240] = "{ ";
    int place = 0;
    if (strlen(arg) >= sizeof words || strpbrk(arg, "{}();\\\""))
        return usage("--event %s: expected WHAT [WHOM] at=SPAN [for=SPAN] [SETTING=VALUE]...%s", arg, "");
    snprintf(words, sizeof words, "%s", arg);
    char *rest = NULL;
    for (char *word = strtok_r(words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest), place++)
        if ((place == 0 && strchr(word, '=')) || !event_word(word, place, text, sizeof text))
            return usage("--event %s: \"%s\" is no part of WHAT [WHOM] at=SPAN [for=SPAN] [SETTING=VALUE]...", arg,
                         word);
    if (place == 0 || strlen(text) + 2 >= sizeof text)
        return usage("--event %s: nothing is said, or too much%s", arg, "");
    // errors name the option, not what it is made into
    char entry[sizeof text + sizeof words + 20];
    snprintf(entry, sizeof entry, "%s} # --event \"%s\"", text, arg);
    return add_set(o, "events+", entry);
}

static bool read_years(TwOptions *o, const char *arg)
{
    char *end;
    o->years = strtod(arg, &end);
    if (end == arg || *end || !(o->years > 0.0 && o->years <= 1e5))
        return usage("--years %s: expected more than 0 and at most 100000%s", arg, "");
    return true;
}

static bool read_shard(TwOptions *o, const char *arg)
{
    char *end;
    errno = 0;
    long of = strtol(arg, &end, 10), all = *end == '/' && end > arg ? strtol(end + 1, &end, 10) : 0;
    if (*end || errno == ERANGE || all < 1 || all > INT32_MAX || of < 0 || of >= all)
        return usage("--shard %s: expected I/N with I from 0 to N - 1%s", arg, "");
    o->shard = (int)of, o->shards = (int)all;
    return true;
}

static bool read_size(TwOptions *o, const char *arg)
{
    char *end;
    long width = strtol(arg, &end, 10), height = *end == 'x' ? strtol(end + 1, &end, 10) : 0;
    if (*end || width < 64 || height < 64 || width > 16384 || height > 16384)
        return usage("--size %s: expected WIDTHxHEIGHT from 64x64 to 16384x16384, as 1920x1080%s", arg, "");
    o->width = (int)width, o->height = (int)height;
    return true;
}

static bool read_block_tokens(TwOptions *o, const char *arg)
{
    char *end;
    long tokens = strtol(arg, &end, 10);
    if (end == arg || *end || tokens < 1 || tokens > 65536) {
        fprintf(stderr, "tokenworks: --block-tokens=%s, expected 1 to 65536\n", arg);
        return false;
    }
    o->block_tokens = (int)tokens;
    return true;
}

static bool read_routing(TwOptions *o, const char *arg)
{
    static const char *const routings[] = {"spray", "adaptive", "ecmp"};
    const char *near = tw_nearest(arg, routings, TW_COUNT(routings));
    if (near && strcmp(near, arg) != 0)
        return usage("--routing %s: expected spray, adaptive or ecmp; did you mean %s?", arg, near);
    if (!near) return usage("--routing %s: expected spray, adaptive or ecmp%s", arg, "");
    o->routing = arg;
    return true;
}

static bool add_path_value(TwOptions *o, const char *arg)
{
    if (!strchr(arg, '=')) return usage("--set %s: expected PATH=VALUE%s", arg, "");
    if (o->set_count == TW_SETS) return usage("too many settings%s%s", "", "");
    o->sets[o->set_count++] = arg;
    return true;
}

static bool add_for(TwOptions *o, const char *arg)
{
    double span_s;
    char text[32];
    if (!read_span(arg, &span_s))
        return usage("--for %s: expected a span above 0 with s, min, h or d, as 24h%s", arg, "");
    snprintf(text, sizeof text, "%.17g", span_s);
    return add_set(o, "run.for_s", strpbrk(text, ".e") ? text : strcat(text, ".0"));
}

static bool add_seed(TwOptions *o, const char *arg)
{
    int64_t n;
    char text[32];
    if (!whole(arg, 0, &n)) return usage("--seed %s: expected a whole number from 0%s", arg, "");
    snprintf(text, sizeof text, "%lld%s", (long long)n, n > INT32_MAX ? "L" : "");
    return add_set(o, "run.seed", text);
}

static bool add_axis(TwOptions *o, const char *arg)
{
    if (o->axis_count == TW_COUNT(o->axes)) return usage("more than 64 axes%s%s", "", "");
    if (!strchr(arg, '=')) return usage("--axis %s: expected PATH=LIST or PATH=FROM:TO:STEP%s", arg, "");
    o->axes[o->axis_count++] = arg;
    return true;
}

static bool add_loss(TwOptions *o, const char *arg)
{
    if (o->lose_count == TW_COUNT(o->lose)) return usage("more than 16 --lose%s%s", "", "");
    o->lose[o->lose_count++] = arg;
    return true;
}

static bool read_moment(const char *name, const char *arg, double *seconds)
{
    return read_span(arg, seconds) || usage("--%s %s: expected a span, as 12h", name, arg);
}

static bool read_threads(TwOptions *o, const char *arg)
{
    int64_t n;
    if (!whole(arg, 1, &n) || n > 4096) return usage("--threads %s: expected 1 to 4096%s", arg, "");
    o->threads = (int)n;
    return true;
}

static bool read_color(TwOptions *o, const char *arg)
{
    o->color = strcmp(arg, "always") == 0 ? 1 : strcmp(arg, "never") == 0 ? 2 : strcmp(arg, "auto") == 0 ? 0 : -1;
    return o->color >= 0 || usage("--color %s: expected auto, always or never%s", arg, "");
}

static bool read_theme(TwOptions *o, const char *arg)
{
    o->dark = strcmp(arg, "dark") == 0;
    o->light = strcmp(arg, "light") == 0;
    return o->dark || o->light || usage("--theme %s: expected light or dark%s", arg, "");
}

static bool take(TwOptions *o, int id, const char *arg)
{
    switch (id) {
    case TW_OPT_SET:
        return add_path_value(o, arg);
    case TW_OPT_FOR:
        return add_for(o, arg);
    case TW_OPT_EVENT:
        return add_event(o, arg);
    case TW_OPT_SEED:
        return add_seed(o, arg);
    case TW_OPT_AXIS:
        return add_axis(o, arg);
    case TW_OPT_LOSE:
        return add_loss(o, arg);
    case TW_OPT_THREADS:
        return read_threads(o, arg);
    case TW_OPT_REPLICATES:
        return (whole(arg, 1, &o->replicates) && o->replicates <= 1000000) ||
               usage("--replicates %s: expected 1 to 1000000%s", arg, "");
    case TW_OPT_SCENARIO:
        return (whole(arg, 1, &o->scenario) && o->scenario <= INT32_MAX) ||
               usage("--scenario %s: expected a whole number from 1%s", arg, "");
    case TW_OPT_YEARS:
        return read_years(o, arg);
    case TW_OPT_SNAPSHOT:
        return read_moment("snapshot", arg, &o->snapshot_s);
    case TW_OPT_STOP:
        return read_moment("stop", arg, &o->stop_s);
    case TW_OPT_AT:
        return read_moment("at", arg, &o->at_s);
    case TW_OPT_SHARD:
        return read_shard(o, arg);
    case TW_OPT_COLOR:
        return read_color(o, arg);
    case TW_OPT_SIZE:
        return read_size(o, arg);
    case TW_OPT_THEME:
        return read_theme(o, arg);
    case TW_OPT_BLOCK_TOKENS:
        return read_block_tokens(o, arg);
    case TW_OPT_ROUTING:
        return read_routing(o, arg);
    default:
        return keep(o, id, arg);
    }
}

// Each option once, but for those that add up: of two values one would be passed over.
static bool note_given(TwOptions *o, int id, const char *value, TwCommand command)
{
    bool adds = id == TW_OPT_SET || id == TW_OPT_AXIS || id == TW_OPT_LOSE || id == TW_OPT_EVENT;
    for (const TwOptionRow *row = tw_option_rows; row->name; row++) {
        if (row->id != id || !(row->commands & (int)command)) continue;
        const char *name = row->name;
        if (value && !*value) return usage("--%s: nothing is given, expected %s", name, row->argument);
        int k = 0;
        while (k < o->given_count && o->given[k] != name) k++;
        if (k == o->given_count) {
            o->given[o->given_count] = name;    // no more than a command has, see `longs`
            o->given_value[o->given_count++] = value;
        } else if (value && !adds && strcmp(value, o->given_value[k]) != 0) {
            fprintf(stderr, "tokenworks: --%s is given twice: %s and %s\n", name, o->given_value[k], value);
            return false;
        }
    }
    return true;
}

bool tw_options_idle(const TwOptions *o, const char *form, const char *const *names)
{
    for (int k = 0; k < o->given_count; k++)
        for (int i = 0; names[i]; i++)
            if (strcmp(o->given[k], names[i]) == 0) {
                fprintf(stderr, "tokenworks: --%s does nothing with %s; see --help\n", names[i], form);
                return true;
            }
    return false;
}

// The options of a command as getopt_long wants them; `shorts` begins with a colon, and has room for every letter.
static void rows_of(TwCommand command, struct option longs[TW_OPTION_ROWS_MOST], char *shorts)
{
    int count = 0;
    for (const TwOptionRow *row = tw_option_rows; row->name; row++) {
        if (!(row->commands & (int)command)) continue;
        longs[count++] = (struct option){row->name, row->argument ? required_argument : no_argument, NULL, row->id};
        if (row->letter) {
            char letter[3] = {row->letter, row->argument ? ':' : '\0', '\0'};
            strcat(shorts, letter);
        }
    }
}

// What getopt_long calls '?': said as what it is.
static bool not_an_option(const char *given, const char *shorts, TwCommand command)
{
    // a long option given a value that it does not take brings its own letter
    if (optopt && optopt < 256 && !strchr(shorts, optopt)) {
        char letter[2] = {(char)optopt, '\0'};
        return usage("unknown option -%s; see --help%s", letter, "");
    }
    return unknown_option(given, command);
}

bool tw_options_read(TwOptions *o, const TwCommandRow *row, int argc, char **argv, bool *help)
{
    TwCommand command = row->command;
    struct option longs[TW_OPTION_ROWS_MOST] = {0};
    char shorts[64] = ":";
    rows_of(command, longs, shorts);
    *o = (TwOptions){.command = command, .snapshot_s = NAN, .stop_s = NAN, .at_s = NAN, .years = NAN};
    *help = false;
    opterr = 0;
    optind = 1;
    int id;
    while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (id == 'h') {
            tw_options_help(stdout, row);
            *help = true;
            return true;
        }
        if (id == ':') return usage("option %s needs an argument%s", argv[optind - 1], "");
        if (id == '?') return not_an_option(argv[optind - 1], shorts, command);
        if (!note_given(o, id, optarg, command)) return false;
        if (!take(o, id, optarg)) return false;
    }
    o->files = argv + optind;
    o->file_count = argc - optind;
    return true;
}
