// Feeder files: a source and a list of sections, each a line, a transformer or a regulator with the load at its far
// end.
#include "models/power/feeder.h"
#include "sim/config.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct SectionRow {
    const char *from, *kind;
    TwReals r_ohm_km, x_ohm_km;    // aa, ab, ac, bb, bc, cc
    double length_m, rated_va, high_v, low_v, vkr_fraction, vkx_fraction;
    TwReals gain, wye_w, wye_var, delta_w, delta_var, capacitor_var;
    double share_i, share_z;
} SectionRow;

typedef struct SourceRow {
    double voltage_v;
} SourceRow;

typedef struct HeadRow {
    const char *title;
} HeadRow;

#define REAL(member, unit, least, most, standard, text)                                                                \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, offsetof(SectionRow, member), text, NULL                        \
    }
#define LIST(member, unit, least, most, text)                                                                          \
    {                                                                                                                  \
#member, unit, TW_REALS, least, most, "[]", offsetof(SectionRow, member), text, NULL                           \
    }
static const char *const kind_words[] = {"line", "wye_wye", "delta_wye", "regulator", NULL};
static const TwField section_fields[] = {
    {"from", "", TW_TEXT, 0, 0, NULL, offsetof(SectionRow, from), "node that supplies it: source or a section", NULL},
    {"kind", "", TW_TEXT, 0, 0, "line", offsetof(SectionRow, kind), "what the section is", kind_words},
    LIST(r_ohm_km, "ohm/km", -1e3, 1e3, "line: resistance aa, ab, ac, bb, bc, cc; one number: of each phase alone"),
    LIST(x_ohm_km, "ohm/km", -1e3, 1e3, "line: reactance, likewise"),
    REAL(length_m, "m", 0, 1e6, "0", "line"),
    REAL(rated_va, "VA", 1, 1e10, "unknown", "transformer: three phases together"),
    REAL(high_v, "V", 1, 1e6, "unknown", "transformer: line to line, on the side of the source"),
    REAL(low_v, "V", 1, 1e6, "unknown", "transformer: line to line, on the other side"),
    REAL(vkr_fraction, "1", 0, 1, "0", "transformer: resistance on its rating"),
    REAL(vkx_fraction, "1", 0, 1, "0", "transformer: reactance on its rating"),
    LIST(gain, "1", 0.5, 2, "regulator: output over input of each phase"),
    LIST(wye_w, "W", -1e10, 1e10, "load at the far end, phases to ground"),
    LIST(wye_var, "var", -1e10, 1e10, "its reactive power"),
    LIST(delta_w, "W", -1e10, 1e10, "load at the far end between ab, bc, ca"),
    LIST(delta_var, "var", -1e10, 1e10, "its reactive power"),
    LIST(capacitor_var, "var", 0, 1e10, "capacitors at the far end, at nominal voltage"),
    REAL(share_i, "1", 0, 1, "0", "of the loads, constant current"),
    REAL(share_z, "1", 0, 1, "0", "of the loads, constant impedance"),
};
static const TwKind section_kind = {"section", NULL, section_fields, TW_COUNT(section_fields), NULL, 0};
static const TwField source_fields[] = {
    {"voltage_v", "V", TW_REAL, 1, 1e6, NULL, offsetof(SourceRow, voltage_v), "line to line, held", NULL},
};
static const TwKind source_kind = {"source", NULL, source_fields, TW_COUNT(source_fields), NULL, 0};
static const TwChild feeder_children[] = {
    {"source", TW_ONE, &source_kind, "where the feeder begins"},
    {"sections", TW_LIST, &section_kind, "what hangs on it, every section after the one that supplies it"},
};
static const TwKind feeder_kind = {"feeder", NULL, NULL, 0, feeder_children, TW_COUNT(feeder_children)};
static const TwField head_fields[] = {
    {"title", "", TW_TEXT, 0, 0, "", offsetof(HeadRow, title), "one line", NULL},
};
static const TwChild head_children[] = {{"feeder", TW_ONE, &feeder_kind, "a three-phase feeder"}};
static const TwKind head_kind = {"feeder file",         NULL,          head_fields,
                                 TW_COUNT(head_fields), head_children, TW_COUNT(head_children)};

// Three numbers; one stands for all phases, none for nothing.
static bool phases(const TwNode *node, const char *name, TwReals list, double *out, int step, TwErrors *errors)
{
    for (int p = 0; p < 3; p++)
        out[p * step] = list.count == 0 ? 0.0 : list.values[list.count == 1 ? 0 : p < list.count ? p : 0];
    if (list.count == 0 || list.count == 1 || list.count == 3) return true;
    tw_node_error(node, name, errors, "%d numbers, expected one or three", list.count);
    return false;
}

// The symmetric matrix of aa, ab, ac, bb, bc, cc.
static void matrix(const TwNode *node, const char *name, TwReals list, double scale, int part, TwFeederNode *n,
                   TwErrors *errors)
{
    static const int place[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}};
    if (list.count != 0 && list.count != 1 && list.count != 6) {
        tw_node_error(node, name, errors, "%d numbers, expected one, or six: aa, ab, ac, bb, bc, cc", list.count);
        return;
    }
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++) {
            double value = list.count == 0   ? 0.0
                           : list.count == 1 ? (p == q ? list.values[0] : 0.0)
                                             : list.values[place[p][q]];
            n->z[p][q][part] = value * scale;
        }
}

static void read_link(const TwNode *node, const SectionRow *row, const TwFeederNode *above, TwFeederNode *n,
                      TwErrors *errors)
{
    n->nominal_v = above->nominal_v;
    for (int p = 0; p < 3; p++) n->ratio[p] = 1.0;
    if (strcmp(row->kind, "line") == 0) {
        matrix(node, "r_ohm_km", row->r_ohm_km, row->length_m * 1e-3, 0, n, errors);
        matrix(node, "x_ohm_km", row->x_ohm_km, row->length_m * 1e-3, 1, n, errors);
    } else if (strcmp(row->kind, "regulator") == 0) {
        n->link = TW_REGULATOR;
        if (row->gain.count == 0) tw_node_error(node, "gain", errors, "a regulator needs its gain");
        phases(node, "gain", row->gain, n->ratio, 1, errors);
    } else {
        bool delta = strcmp(row->kind, "delta_wye") == 0;
        n->link = delta ? TW_DELTA_WYE : TW_WYE_WYE;
        if (!(row->rated_va > 0.0) || !(row->high_v > 0.0) || !(row->low_v > 0.0)) {
            tw_node_error(node, NULL, errors, "a transformer needs rated_va, high_v and low_v");
            return;
        }
        n->nominal_v = row->low_v / sqrt(3.0);
        double z = row->low_v * row->low_v / row->rated_va;
        for (int p = 0; p < 3; p++) {
            n->ratio[p] = delta ? row->high_v / n->nominal_v : row->high_v / row->low_v;
            n->z[p][p][0] = row->vkr_fraction * z;
            n->z[p][p][1] = row->vkx_fraction * z;
        }
    }
}

static void read_section(TwFeeder *feeder, int i, const TwNode *root, TwErrors *errors)
{
    TwFeederNode *n = &feeder->nodes[i + 1];
    char name[TW_NAME];
    const TwNode *node = tw_node_entry(root, "sections", i, name);
    SectionRow row;
    tw_node_row(node, &row);
    snprintf(n->name, sizeof n->name, "%.47s", name);
    n->parent = -1;
    const char *known[256];
    int count = 0;
    for (int k = 0; k <= i && count < 256; k++) {
        known[count++] = feeder->nodes[k].name;
        if (strcmp(feeder->nodes[k].name, row.from) == 0) n->parent = k;
    }
    if (n->parent < 0) {
        const char *near = tw_nearest(row.from, known, count);
        tw_node_error(node, "from", errors, "from = \"%s\" is no section above this one%s%s", row.from,
                      near ? "; nearest is " : "", near ? near : "");
        return;
    }
    read_link(node, &row, &feeder->nodes[n->parent], n, errors);
    if (row.share_i + row.share_z > 1.0)
        tw_node_error(node, "share_i", errors, "shares of current and impedance exceed 1");
    n->share_i = row.share_i;
    n->share_z = row.share_z;
    phases(node, "wye_w", row.wye_w, &n->wye[0][0], 2, errors);
    phases(node, "wye_var", row.wye_var, &n->wye[0][1], 2, errors);
    phases(node, "delta_w", row.delta_w, &n->delta[0][0], 2, errors);
    phases(node, "delta_var", row.delta_var, &n->delta[0][1], 2, errors);
    phases(node, "capacitor_var", row.capacitor_var, n->capacitor_var, 1, errors);
}

bool tw_feeder_read(TwFeeder **made, const char *path, TwErrors *errors)
{
    *made = NULL;
    TwConfig *config;
    const TwConfigInput input = {.root = &head_kind, .path = path};
    if (!tw_config_read(&config, &input, errors)) return false;
    const TwNode *root = tw_node_group(tw_config_root(config), "feeder");
    TwFeeder *feeder = calloc(1, sizeof *feeder);
    if (!feeder) abort();
    int n = tw_node_entries(root, "sections");
    feeder->count = n + 1;
    feeder->nodes = calloc((size_t)n + 1, sizeof *feeder->nodes);
    if (!feeder->nodes) abort();
    SourceRow source;
    tw_node_row(tw_node_group(root, "source"), &source);
    feeder->nodes[0] = (TwFeederNode){.name = "source", .parent = -1, .nominal_v = source.voltage_v / sqrt(3.0)};
    for (int i = 0; i < n; i++) read_section(feeder, i, root, errors);
    tw_config_destroy(config);
    if (tw_errors_count(errors)) {
        tw_feeder_destroy(feeder);
        return false;
    }
    *made = feeder;
    return true;
}
