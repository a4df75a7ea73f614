// Speed of the thermal fast path under the random-load test: every rack a new level every 10 s, 8,000 racks on 1,000
// CDUs, step 5 s, one thread; in processor time, not wall clock, and as the median of windows: other work on the
// machine then counts less. Two threads over one in wall clock. Then a day of Frontier's groups, 257 CDUs, a year of
// LBL's hall (climate of Chicago generated, so that no file is needed). Prints `name value unit` lines, or with --json
// one object.
#define _GNU_SOURCE
#include "models/thermal/cdu.h"
#include "models/thermal/hall.h"
#include "models/thermal/heat_case.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "models/thermal/thermal.h"
#include "sim/data.h"
#include "sim/random.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CDUS = 1000, RACKS_EACH = 8, RACKS = CDUS * RACKS_EACH, WINDOWS = 100 };

static TwWeather weather;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const TwLumpsRow lumps = {.reference_w = 132e3,
                                 .chip_j_k = 1e4,
                                 .plate_j_k = 3e4,
                                 .coolant_j_k = 3.2e4,
                                 .manifold_j_k = 6e4,
                                 .air_j_k = 1.5e5,
                                 .chip_plate_w_k = 6500.0,
                                 .plate_coolant_w_k = 11500.0,
                                 .plate_coolant_min_w_k = 2000.0,
                                 .film_fraction = 0.62,
                                 .plate_air_w_k = 60.0,
                                 .air_room_w_k = 1130.0,
                                 .air_to = "room",
                                 .leakage_fraction = 0.12,
                                 .leakage_degc = 55.0,
                                 .leakage_scale_k = 38.0,
                                 .throttle_min_fraction = 0.4,
                                 .throttle_width_k = 1.5,
                                 .throttle_s = 3.0};
static const TwCduRow cdu = {.fluid = "pg25",
                             .capacity_w = 1.2e6,
                             .approach_k = 4.0,
                             .rack_flow_kg_s = 8 * 2.719,
                             .plant_flow_kg_s = 27.0,
                             .film_exponent = 0.8,
                             .film_ratio = 1.7,
                             .supply_degc = 35.0,
                             .pump_head_pa = 3e5,
                             .pump_efficiency_fraction = 0.6,
                             .pump_speed_fraction = 1.0,
                             .pump_s = 10.0,
                             .coast_s = 5.0,
                             .valve = "equal_percentage",
                             .valve_rangeability = 50.0,
                             .valve_authority = 0.5,
                             .valve_min_fraction = 0.05,
                             .supply_j_k = 1.6e6,
                             .return_j_k = 1.6e6,
                             .kp = 0.08,
                             .ti_s = 60.0,
                             .taw_s = 20.0};
static const TwPlantRow plant = {.kind = "dry_cooler",
                                 .fluid = "water",
                                 .capacity_w = 2.931e6,
                                 .flow_kg_s = 126.2,
                                 .air_degc = 35.0,
                                 .inlet_degc = 46.11,
                                 .outlet_degc = 40.55,
                                 .fan_w = 117680.0,
                                 .fan_min_fraction = 0.1,
                                 .free_convection_fraction = 0.125,
                                 .air_exponent = 0.8,
                                 .water_exponent = 0.85,
                                 .film_ratio = 0.5,
                                 .air_rise_k = 5.56,
                                 .margin_k = 5.0,
                                 .supply_min_degc = 10.0,
                                 .pump_head_pa = 2e5,
                                 .pump_efficiency_fraction = 0.65,
                                 .pump_static_fraction = 0.3,
                                 .pump_s = 5.0,
                                 .header_s = 60.0,
                                 .tank_s = 180.0,
                                 .cooler_s = 30.0,
                                 .kp = 0.1,
                                 .ti_s = 100.0,
                                 .taw_s = 20.0};
static const TwRoomRow room = {.capacity_w = 1e5,
                               .supply_degc = 27.0,
                               .coil_degc = 20.0,
                               .fan_w = 3000.0,
                               .fan_min_fraction = 0.2,
                               .fan_exponent = 0.8,
                               .air_j_k = 5e6,
                               .economizer_approach_k = 5.0,
                               .chilled_range_k = 6.0,
                               .chiller_eta_fraction = 0.55,
                               .chiller_cop_max = 15.0,
                               .chiller_lift_k = 10.0,
                               .condenser_k = 12.0,
                               .evaporator_k = 2.0,
                               .kp = 0.1,
                               .ti_s = 200.0,
                               .taw_s = 60.0};

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// processor seconds of made-up heat through so many CDUs
static double heat_s(const char *const *sets, int count, double *simulated_s)
{
    char path[1024];
    TwErrors *errors = tw_errors_create();
    TwHeatCaseRow row;
    TwHeatResult r = {.processor_s = NAN};
    if (!tw_data_find("facilities/reference/frontier_heat.cfg", path, sizeof path) ||
        !tw_heat_case_run(path, sets, count, NULL, &row, &r, errors))
        tw_errors_print(errors, 5, stderr);
    tw_errors_destroy(errors);
    *simulated_s = r.simulated_s;
    return r.processor_s;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int count)
{
    qsort(x, (size_t)count, sizeof *x, rising);
    return x[count / 2];
}

static double hall_s(void)
{
    char path[1024];
    const char *sets[1] = {"weather=given"};
    TwErrors *errors = tw_errors_create();
    TwError error = {0};
    TwHallRow row;
    TwConfig *config = NULL;
    TwHallRun run = {.processor_s = NAN};
    static TwWeather chicago;
    bool good = tw_data_find("facilities/reference/lbl_year.cfg", path, sizeof path) &&
                tw_hall_read(&row, &config, path, sets, 1, errors) &&
                tw_weather_climate(&chicago, "chicago", 1, &error) && tw_hall_run(&row, &chicago, &run, &error);
    if (!good) tw_error_print(&error, stderr);
    double spent = good ? run.processor_s : NAN;
    tw_hall_free(&run);
    tw_config_destroy(config);
    tw_errors_destroy(errors);
    return spent;
}

// A month of 10 s inputs with its weather, one thread: processor time of the model alone, and its books.
static int month(const TwThermal *thermal, void *block, TwThermalIn *in, double *level_w, TwThermalOut *out,
                 TwStream stream)
{
    enum { MONTH = 262980 };    // a twelfth of a year of 365.25 days, in windows of 10 s
    double spent = 0.0, audit = 0.0, hottest = 0.0;
    TwError error = {0};
    for (int w = 0; w < MONTH; w++) {
        for (int i = 0; i < RACKS; i++)
            level_w[i] = 132e3 * (0.45 + 0.55 * tw_random(stream, (uint64_t)w, (uint32_t)i, TW_PURPOSE_DESIGN));
        bool looks = w % 360 == 0;
        double stored = looks ? tw_thermal_stored_j(thermal, block) : 0.0, t0 = now_s();
        if (!tw_thermal_advance(thermal, block, in, 10.0 * w, 10.0 * (w + 1), out, &error)) {
            tw_error_print(&error, stderr);
            return 1;
        }
        spent += now_s() - t0;
        if (!looks) continue;
        stored = tw_thermal_stored_j(thermal, block) - stored;
        audit = fmax(audit, fabs(out->heat_in_j - out->heat_out_j - stored) / out->heat_in_j);
        for (int i = 0; i < RACKS; i++) hottest = fmax(hottest, out->chip_degc[i]);
    }
    double states = 6.0 * RACKS + 4.0 * CDUS + 8.0;
    printf("thermal_month_8000_racks %.5g s\nthermal_month_state_step %.4g ns\nthermal_year_from_month %.4g min\n"
           "thermal_month_heat_residual %.3g 1\nthermal_month_hottest_chip %.4g degC\n",
           spent, spent * 1e9 / (2.0 * states * MONTH), spent * 12.0 / 60.0, audit, hottest);
    return 0;
}

// Two threads on two cores over one thread, wall clock. The cores of a shared host are rarely alike, and two of them
// may be halves of one. So a round has four turns: one thread on the first core, two threads on both, two programs of
// one thread each on both, one thread on the second core; speeds are over the mean of those alone. What two programs
// reach is what the cores give at that moment: where it is 1.8 or more they are whole.
typedef struct Rounds {
    double threads, programs, share;    // medians: two threads, two programs, the one over the other
    double threads_whole;               // two threads, of the rounds on whole cores; NAN: there is none
    int whole, count;
    double fastest;    // the fastest window of all on one thread over the fastest on two
} Rounds;

// A turn is as long as most of the host's noise; its first windows bring the state into the caches.
enum { ROUNDS = 25, TURN = 70, COUNTED = 60 };

// Windows of one state, one after the other.
typedef struct Program {
    const TwThermal *thermal;
    void *block;
    const TwThermalIn *in;
    TwThermalOut out;
    double at_s, fastest;
    bool good;
    const cpu_set_t *core;
    atomic_bool *stop;    // the second program goes on until then
    double speed;         // windows a second
} Program;

static double window(Program *p)
{
    TwError error = {0};
    double t0 = wall_s();
    p->good = p->good && tw_thermal_advance(p->thermal, p->block, p->in, p->at_s, p->at_s + 10.0, &p->out, &error);
    double spent = wall_s() - t0;
    p->at_s += 10.0;
    p->fastest = fmin(p->fastest, spent);
    return spent;
}

static double turn(Program *p, int threads, const cpu_set_t *cores)
{
    double spent = 0.0;
    sched_setaffinity(0, sizeof *cores, cores);
    omp_set_num_threads(threads);
    p->fastest = INFINITY;
    for (int w = 0; w < TURN; w++) {
        double s = window(p);
        if (w >= TURN - COUNTED) spent += s;
    }
    return COUNTED / spent;
}

static void *second_program(void *given)
{
    Program *p = given;
    double spent = 0.0;
    int counted = 0;
    sched_setaffinity(0, sizeof *p->core, p->core);
    omp_set_num_threads(1);
    for (int w = 0; !atomic_load(p->stop); w++) {
        double s = window(p);
        if (w >= TURN - COUNTED) spent += s, counted++;
    }
    p->speed = counted > 0 ? counted / spent : 0.0;
    return NULL;
}

static double two_programs(Program *first, Program *second, const cpu_set_t *core)
{
    atomic_bool stop = false;
    pthread_t thread;
    second->stop = &stop;
    if (pthread_create(&thread, NULL, second_program, second) != 0) return NAN;
    double speed = turn(first, 1, core);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return speed + second->speed;
}

static bool two_threads(const TwThermal *thermal, const TwLayout *layout, void *block, const TwThermalIn *in,
                        TwThermalOut *out, Rounds *rounds)
{
    double threads[ROUNDS], programs[ROUNDS], share[ROUNDS], whole[ROUNDS], fastest[2] = {INFINITY, INFINITY};
    static double chip[RACKS];
    cpu_set_t allowed, core[2], both;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
    CPU_ZERO(&core[0]);
    CPU_ZERO(&core[1]);
    CPU_ZERO(&both);
    for (size_t i = 0, found = 0; i < CPU_SETSIZE && found < 2; i++)
        if (CPU_ISSET(i, &allowed)) CPU_SET(i, &both), CPU_SET(i, &core[found++]);
    if (CPU_COUNT(&core[1]) == 0) core[1] = core[0];
    Program first = {thermal, block, in, *out, 10.0 * WINDOWS, INFINITY, true, NULL, NULL, 0.0}, second = first;
    second.block = tw_block_create(layout);
    memcpy(second.block, block, layout->bytes);
    second.out.chip_degc = chip;
    second.core = &core[1];
    *rounds = (Rounds){.count = ROUNDS};
    for (int r = 0; r < ROUNDS; r++) {
        double alone = 0.5 * turn(&first, 1, &core[0]);
        fastest[0] = fmin(fastest[0], first.fastest);
        threads[r] = turn(&first, 2, &both);
        fastest[1] = fmin(fastest[1], first.fastest);
        programs[r] = two_programs(&first, &second, &core[0]);
        alone += 0.5 * turn(&first, 1, &core[1]);
        fastest[0] = fmin(fastest[0], first.fastest);
        threads[r] /= alone;
        programs[r] /= alone;
        share[r] = threads[r] / programs[r];
        if (programs[r] >= 1.8) whole[rounds->whole++] = threads[r];
    }
    sched_setaffinity(0, sizeof allowed, &allowed);
    omp_set_num_threads(1);
    tw_block_destroy(second.block);
    rounds->threads = median(threads, ROUNDS);
    rounds->programs = median(programs, ROUNDS);
    rounds->share = median(share, ROUNDS);
    rounds->threads_whole = rounds->whole > 0 ? median(whole, rounds->whole) : NAN;
    rounds->fastest = fastest[0] / fastest[1];
    return first.good && second.good;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0, whole_month = argc > 1 && strcmp(argv[1], "month") == 0;
    bool steps_only = argc > 1 && strcmp(argv[1], "steps") == 0;
    omp_set_num_threads(1);
    TwError error = {0};
    if (!tw_weather_climate(&weather, "virginia", 1, &error)) return 1;

    TwThermalRack *racks = calloc(RACKS, sizeof *racks);
    TwCduRow *cdus = calloc(CDUS, sizeof *cdus);
    const char **names = calloc(CDUS, sizeof *names);
    double *level_w = calloc(RACKS, sizeof *level_w), *chip = calloc(RACKS, sizeof *chip);
    TwStream stream = tw_stream(1, "bench");
    for (int c = 0; c < CDUS; c++) cdus[c] = cdu, names[c] = "cdu";
    for (int i = 0; i < RACKS; i++) {
        double spread = 0.97 + 0.06 * tw_random(stream, (uint64_t)i, 1, TW_PURPOSE_DESIGN);
        racks[i] = (TwThermalRack){"rack", 0, i / RACKS_EACH, 132e3, 115.0 / 132.0, 2.719 * spread, 88.0, 0.0};
        level_w[i] = 80e3;
    }
    TwThermalSpec spec = {.rack_count = RACKS,
                          .cdu_count = CDUS,
                          .lumps_count = 1,
                          .racks = racks,
                          .cdu_names = names,
                          .cdus = cdus,
                          .lumps = &lumps,
                          .plant = &plant,
                          .room = &room,
                          .weather = &weather,
                          .step_max_s = 5.0};
    TwErrors *errors = tw_errors_create();
    TwLayout layout = {0};
    TwThermal *thermal;
    if (!tw_thermal_create(&thermal, &spec, &layout, errors)) {
        tw_errors_print(errors, 10, stderr);
        return 1;
    }
    void *block = tw_block_create(&layout);
    TwThermalIn in = {.rack_w = level_w};
    TwThermalOut out = {.chip_degc = chip};
    double start = now_s();
    if (!tw_thermal_start(thermal, block, &in, &error)) {
        tw_error_print(&error, stderr);
        return 1;
    }
    if (whole_month) return month(thermal, block, &in, level_w, &out, stream);
    double start_s = now_s() - start, audit = 0.0;
    static double spent[WINDOWS];
    for (int w = 0; w < WINDOWS; w++) {
        for (int i = 0; i < RACKS; i++)
            level_w[i] = 132e3 * (0.45 + 0.55 * tw_random(stream, (uint64_t)w, (uint32_t)i, TW_PURPOSE_DESIGN));
        double stored = tw_thermal_stored_j(thermal, block), t0 = now_s();
        if (!tw_thermal_advance(thermal, block, &in, 10.0 * w, 10.0 * (w + 1), &out, &error)) {
            tw_error_print(&error, stderr);
            return 1;
        }
        spent[w] = now_s() - t0;
        stored = tw_thermal_stored_j(thermal, block) - stored;
        audit = fmax(audit, fabs(out.heat_in_j - out.heat_out_j - stored) / out.heat_in_j);
    }
    Rounds two;
    if (!two_threads(thermal, &layout, block, &in, &out, &two)) return 1;
    double window_s = median(spent, WINDOWS);
    double states = 6.0 * RACKS + 4.0 * CDUS + 8.0, ns = window_s * 1e9 / (2.0 * states);
    double simulated = NAN, day_s = NAN, many_s = NAN, year_s = NAN;
    if (!steps_only) {
        static const char *const many[] = {"groups=257", "plant.unit_count=165", "for_s=7200"};
        day_s = heat_s(NULL, 0, &simulated);
        many_s = heat_s(many, 3, &simulated);
        year_s = hall_s();
    }
    const struct {
        const char *name, *unit;
        double value;
    } lines[] = {{"thermal_state_step", "ns", ns},
                 {"thermal_year_8000_racks", "min", window_s * 3.15576e6 / 60.0},
                 {"thermal_two_threads", "times", two.threads},
                 {"thermal_two_programs", "times", two.programs},
                 {"thermal_two_threads_over_programs", "1", two.share},
                 {"thermal_whole_core_rounds", "1", (double)two.whole / two.count},
                 {"thermal_two_threads_whole_cores", "times", two.threads_whole},
                 {"thermal_two_threads_fastest", "times", two.fastest},
                 {"thermal_heat_residual", "1", audit},
                 {"thermal_start", "s", start_s},
                 {"thermal_frontier_day", "s", day_s},
                 {"thermal_257_cdus", "times_real_time", simulated / many_s},
                 {"thermal_lbl_year", "s", year_s}};
    // of steps alone: the first ten
    size_t count = steps_only ? 10 : sizeof lines / sizeof *lines;
    for (size_t i = 0; i < count; i++)
        if (json && isfinite(lines[i].value))
            printf("%s\"%s_%s\": %.4g%s", i ? ", " : "{", lines[i].name, lines[i].unit, lines[i].value,
                   i + 1 == count ? "}\n" : "");
        else if (json)
            printf("%s\"%s_%s\": null%s", i ? ", " : "{", lines[i].name, lines[i].unit, i + 1 == count ? "}\n" : "");
        else
            printf("%s %.4g %s\n", lines[i].name, lines[i].value, lines[i].unit);
    tw_thermal_destroy(thermal);
    tw_block_destroy(block);
    tw_errors_destroy(errors);
    free(racks);
    free(cdus);
    free(names);
    free(level_w);
    free(chip);
    return 0;
}
