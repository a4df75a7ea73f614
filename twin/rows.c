#include "twin/rows.h"

#include "twin/fabric.h"
#include "twin/wiring.h"

#include <stdio.h>
#include <string.h>

// Racks of a hall with the same y_m, in the order of the file.
static int find_rows(TwPlant *plant, int *rack_row)
{
    TwRowsPlan *p = &plant->rows;
    int *first = TW_TAKE(plant->arena, plant->rack_count + 1, int), n = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        const TwRackPlan *rack = &plant->racks[i];
        int row = n - 1, in_hall = 1;
        for (; row >= 0; row--) {
            const TwRackPlan *other = &plant->racks[first[row]];
            bool hall = strcmp(other->hall, rack->hall) == 0;
            if (hall && other->y_m == rack->y_m) break;
            in_hall += hall;
        }
        if (row < 0) {
            char name[2 * TW_NAME];
            snprintf(name, sizeof name, "%s%srow %d", rack->hall, rack->hall[0] ? ", " : "", in_hall);
            p->names[n] = tw_arena_text(plant->arena, name);
            first[row = n++] = i;
        }
        rack_row[i] = row;
    }
    return n;
}

// The load of leaves that hang on an element; one more where it has none yet.
static int load_of(TwPlant *plant, int element, int first)
{
    TwRowsPlan *p = &plant->rows;
    for (int k = p->load_count - 1; k >= 0; k--)
        if (p->load_element[k] == element) return first + k;
    char name[2 * TW_NAME];
    snprintf(name, sizeof name, "leaves.%s", plant->element_names[element]);
    p->load_names[p->load_count] = tw_arena_text(plant->arena, name);
    p->load_element[p->load_count] = element;
    return first + p->load_count++;
}

int tw_rows_compile(TwPlant *plant, int first)
{
    TwRowsPlan *p = &plant->rows;
    const TwNetwork *net = plant->network;
    const TwFabricRow *fabric = tw_network_fabric(net);
    int racks = plant->rack_count;
    int *rack_row = TW_TAKE(plant->arena, racks + 1, int);
    p->names = TW_TAKE(plant->arena, racks + 1, const char *);
    p->row_count = find_rows(plant, rack_row) + 1;
    p->names[p->row_count - 1] = "network row";
    p->rack_row = rack_row;

    // leaves in groups that serve the same hosts: one for each rail in each plane
    p->planes = (int)fabric->planes;
    p->leaves = p->planes > 0 ? (int)(net->leaf / p->planes) : 0;
    p->rails = net->tiers > 1 && net->rails > 1 ? (int)net->rails : 1;
    p->group_count = (p->leaves + p->rails - 1) / p->rails;
    p->group_row = TW_TAKE(plant->arena, p->group_count + 1, int);
    p->group_load = TW_TAKE(plant->arena, p->group_count + 1, int);
    p->load_names = TW_TAKE(plant->arena, p->group_count + 1, const char *);
    p->load_element = TW_TAKE(plant->arena, p->group_count + 1, int);
    bool at_racks = strcmp(fabric->leaves_from, "racks") == 0;
    int64_t cards = net->leaf_down * p->rails, until = 0;
    for (int g = 0, rack = -1; g < p->group_count; g++) {
        if (plant->wiring) rack = tw_wiring_rack(plant, g);
        while (!plant->wiring && rack + 1 < racks && (rack < 0 || until <= g * cards))
            until += plant->racks[++rack].gpus * (int64_t)plant->rack_scale;
        p->group_row[g] = rack_row[rack];
        p->group_load[g] = at_racks ? load_of(plant, plant->racks[rack].element, first) : 0;
    }
    return p->load_count;
}

void tw_rows_layout(TwPlant *plant, TwLayout *layout)
{
    TwRowsPlan *p = &plant->rows;
    size_t rows = (size_t)p->row_count, groups = (size_t)p->group_count;
    p->changes = tw_layout_add(layout, 1, sizeof(int64_t));
    p->live = tw_layout_add(layout, groups, sizeof(int32_t));
    p->lost = tw_layout_add(layout, (size_t)tw_fabric_lost_most(plant), sizeof(TwLoss));
    p->rack_j = tw_layout_add(layout, rows, sizeof(double));
    p->network_j = tw_layout_add(layout, rows, sizeof(double));
    p->room_j = tw_layout_add(layout, rows, sizeof(double));
}

static bool leaf_lost(const TwRowsPlan *p, const TwLoss *lost, int count, int plane, int leaf)
{
    for (int i = 0; i < count; i++) {
        const TwLoss *l = &lost[i];
        if (l->kind == TW_LOSE_PLANE && l->index == plane) return true;
        if (l->kind == TW_LOSE_RAIL && leaf % p->rails == l->index) return true;
        if (l->kind == TW_LOSE_LEAF && l->plane == plane && l->index == leaf) return true;
    }
    return false;
}

static void count_live(const TwPlant *plant, void *block)
{
    const TwRowsPlan *p = &plant->rows;
    TwLoss *lost = tw_at(block, p->lost);
    int32_t *live = tw_at(block, p->live);
    int count = tw_fabric_lost(plant, block, lost);
    for (int g = 0; g < p->group_count; g++) live[g] = 0;
    for (int plane = 0; plane < p->planes; plane++)
        for (int leaf = 0; leaf < p->leaves; leaf++) live[leaf / p->rails] += !leaf_lost(p, lost, count, plane, leaf);
    *(int64_t *)tw_at(block, p->changes) = tw_fabric_changes(plant, block);
}

void tw_rows_start(const TwPlant *plant, void *block) { count_live(plant, block); }

double tw_rows_switches(const TwPlant *plant, void *block, const double *load_on, double *load_w, double *row_w)
{
    const TwRowsPlan *p = &plant->rows;
    const TwNetwork *net = plant->network;
    if (*(const int64_t *)tw_at_const(block, p->changes) != tw_fabric_changes(plant, block)) count_live(plant, block);
    const int32_t *live = tw_at_const(block, p->live);
    double leaf_w = net->switches > 0 ? (net->switch_w + net->optics_w) / (double)net->switches : 0.0, leaves_w = 0.0;
    int thermal = plant->thermal->load_count;
    load_w[0] = 0.0;
    for (int k = 0; k < p->load_count; k++) load_w[1 + thermal + k] = 0.0;
    for (int r = 0; r < p->row_count; r++) row_w[r] = 0.0;
    for (int g = 0; g < p->group_count; g++) {
        double w = live[g] * leaf_w, drawn_w = w * load_on[p->group_load[g]];
        leaves_w += w;
        load_w[p->group_load[g]] += drawn_w;
        row_w[p->group_row[g]] += drawn_w;
    }
    // the fabric's sum is the same counted once more: what rounding leaves is no power
    double rest_w = tw_fabric_power_w(plant, block) - leaves_w;
    rest_w = rest_w > 1e-9 * leaves_w ? rest_w * load_on[0] : 0.0;
    load_w[0] += rest_w;
    row_w[p->row_count - 1] += rest_w;
    double sum_w = load_w[0];
    for (int k = 0; k < p->load_count; k++) sum_w += load_w[1 + thermal + k];
    return sum_w;
}

void tw_rows_book(const TwPlant *plant, void *block, const TwRowsIn *in, double window_s, double *row_rack_w,
                  double *row_room_w)
{
    const TwRowsPlan *p = &plant->rows;
    double *rack_j = tw_f64(block, p->rack_j), *network_j = tw_f64(block, p->network_j);
    double *room_j = tw_f64(block, p->room_j);
    for (int r = 0; r < p->row_count; r++) {
        row_rack_w[r] = 0.0;
        row_room_w[r] = in->switch_w[r];
    }
    for (int i = 0; i < plant->rack_count; i++) {
        row_rack_w[p->rack_row[i]] += in->rack_w[i];
        row_room_w[p->rack_row[i]] += in->rack_room_j[i] / window_s;
    }
    for (int r = 0; r < p->row_count; r++) {
        rack_j[r] += row_rack_w[r] * window_s;
        network_j[r] += in->switch_w[r] * window_s;
        room_j[r] += row_room_w[r] * window_s;
    }
}

double tw_rows_rack_j(const TwPlant *plant, const void *block, int row)
{
    return tw_f64_const(block, plant->rows.rack_j)[row];
}

double tw_rows_network_j(const TwPlant *plant, const void *block, int row)
{
    return tw_f64_const(block, plant->rows.network_j)[row];
}

double tw_rows_room_j(const TwPlant *plant, const void *block, int row)
{
    return tw_f64_const(block, plant->rows.room_j)[row];
}
