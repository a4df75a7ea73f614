#include "models/power/machine.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct TwMachine {
    TwMachineSpec spec;
    int racks, chassis, nodes, idle_nodes, first_idle;    // no node below first_idle is idle
    int *group_of;                                        // [rack]
    int *load_of;                                         // [node], -1: idle
    double *node_w;                                       // [node]
    bool *changed;                                        // [chassis]
    double *dc_w, *node_sum_w, *loss_w, *in_w;            // [chassis] node converters' output side, as last settled
    int busy;
};

static void *zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

// Power of one node with cu CPUs and gu GPUs busy, in numbers of devices.
static double busy_node_w(const TwMachine *m, double cu, double gu)
{
    double sum = 0.0;
    for (int d = 0; d < m->spec.device_count; d++) {
        const TwDevice *device = &m->spec.devices[d];
        double busy = device->follows == TW_FOLLOWS_CPU ? cu : device->follows == TW_FOLLOWS_GPU ? gu : 0.0;
        sum += device->most_w * busy + device->idle_w * (device->count - busy);
    }
    return sum;
}

TwMachine *tw_machine_create(const TwMachineSpec *spec)
{
    TwMachine *m = zeroed(1, sizeof *m);
    m->spec = *spec;
    m->spec.missing_racks = NULL;
    int places = spec->group_count * spec->racks_per_group;
    m->group_of = zeroed(places, sizeof *m->group_of);
    for (int r = 0; r < places; r++) {
        bool missing = false;
        for (int k = 0; k < spec->missing_count; k++) missing |= spec->missing_racks[k] == r;
        if (!missing) m->group_of[m->racks++] = r / spec->racks_per_group;
    }
    m->chassis = m->racks * spec->chassis_per_rack;
    m->nodes = m->idle_nodes = m->chassis * spec->nodes_per_chassis;
    m->load_of = zeroed(m->nodes, sizeof *m->load_of);
    m->node_w = zeroed(m->nodes, sizeof *m->node_w);
    m->changed = zeroed(m->chassis, sizeof *m->changed);
    m->dc_w = zeroed(m->chassis, sizeof *m->dc_w);
    m->node_sum_w = zeroed(m->chassis, sizeof *m->node_sum_w);
    m->loss_w = zeroed(m->chassis, sizeof *m->loss_w);
    m->in_w = zeroed(m->chassis, sizeof *m->in_w);
    double idle_w = busy_node_w(m, 0.0, 0.0);
    for (int i = 0; i < m->nodes; i++) {
        m->load_of[i] = -1;
        m->node_w[i] = idle_w;
    }
    memset(m->changed, 1, (size_t)m->chassis);
    return m;
}

void tw_machine_destroy(TwMachine *m)
{
    if (!m) return;
    free(m->group_of);
    free(m->load_of);
    free(m->node_w);
    free(m->changed);
    free(m->dc_w);
    free(m->node_sum_w);
    free(m->loss_w);
    free(m->in_w);
    free(m);
}

int tw_machine_nodes(const TwMachine *m) { return m->nodes; }
int tw_machine_racks(const TwMachine *m) { return m->racks; }
int tw_machine_groups(const TwMachine *m) { return m->spec.group_count; }

bool tw_machine_take(TwMachine *m, int load, int nodes, double cu, double gu)
{
    assert(load >= 0 && nodes >= 0);
    if (nodes > m->idle_nodes) return false;
    double w = busy_node_w(m, cu, gu);
    int left = nodes, i = m->first_idle;
    for (; left > 0; i++) {
        if (m->load_of[i] >= 0) continue;
        m->load_of[i] = load;
        m->node_w[i] = w;
        m->changed[i / m->spec.nodes_per_chassis] = true;
        left--;
    }
    m->first_idle = i;
    m->idle_nodes -= nodes;
    m->busy += nodes;
    return true;
}

void tw_machine_give_back(TwMachine *m, int load, int nodes)
{
    double idle_w = busy_node_w(m, 0.0, 0.0);
    for (int i = 0, left = nodes; i < m->nodes && left > 0; i++) {
        if (m->load_of[i] != load) continue;
        left--;
        m->load_of[i] = -1;
        m->node_w[i] = idle_w;
        m->changed[i / m->spec.nodes_per_chassis] = true;
        if (i < m->first_idle) m->first_idle = i;
        m->idle_nodes++;
        m->busy--;
    }
}

static void settle_chassis(TwMachine *m, int c)
{
    const TwMachineSpec *s = &m->spec;
    double node = 0.0, in = 0.0;
    for (int i = c * s->nodes_per_chassis; i < (c + 1) * s->nodes_per_chassis; i++) {
        node += m->node_w[i];
        in += (m->node_w[i] + s->node.constant_w) / s->node.efficiency;
    }
    double out = in + s->switches * s->switch_w;
    int on = s->rectifiers;
    if (s->staged) {
        double wanted = floor((out - 1.0) / s->best_w) + 1.0;
        on = wanted < 1.0 ? 1 : wanted < on ? (int)wanted : on;
    }
    m->node_sum_w[c] = node;
    m->loss_w[c] = in - node;
    m->dc_w[c] = out;
    m->in_w[c] = on * ((out / on + s->rectifier.constant_w) / s->rectifier.efficiency);
    m->changed[c] = false;
}

TwMachinePower tw_machine_power(TwMachine *m, double *rack_w, double *group_w)
{
    const TwMachineSpec *s = &m->spec;
    TwMachinePower p = {.busy_nodes = m->busy};
    for (int g = 0; group_w && g < s->group_count; g++) group_w[g] = s->group_w;
    for (int r = 0; r < m->racks; r++) {
        double rack = 0.0;
        for (int c = r * s->chassis_per_rack; c < (r + 1) * s->chassis_per_rack; c++) {
            if (m->changed[c]) settle_chassis(m, c);
            p.node_w += m->node_sum_w[c];
            p.node_loss_w += m->loss_w[c];
            p.rectifier_loss_w += m->in_w[c] - m->dc_w[c];
            rack += m->in_w[c];
        }
        p.rack_w += rack;
        if (rack_w) rack_w[r] = rack;
        if (group_w) group_w[m->group_of[r]] += rack;
    }
    p.switch_w = (double)m->chassis * s->switches * s->switch_w;
    p.group_w = s->group_count * s->group_w;
    p.total_w = p.rack_w + p.group_w;
    p.liquid_w = s->liquid_fraction * p.rack_w;
    return p;
}
