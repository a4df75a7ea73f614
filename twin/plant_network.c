// Networks of a facility: the fabric as each kind of rack finds it, and those of hosts.
#include "sim/csv.h"
#include "twin/deploy.h"
#include "twin/plant_parts.h"
#include "twin/reference.h"
#include "twin/wiring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What the network says of its fabric, at the line where that is set.
static void at_fabric(const TwPlant *plant, const TwErrors *own, TwErrors *errors)
{
    const TwNode *node = tw_node_group(tw_config_root(plant->config), "fabric");
    static const char *const fields[] = {
        "radix", "oversubscription", "port_bytes_s", "efficiency", "switch_w", "optic_w", "nic_w", "hop_s", "base_s"};
    TwError error;
    tw_errors_first(own, &error);
    const char *text = error.text, *field = NULL;
    if (strncmp(text, "fabric.", 7) == 0) text += 7;
    if (strncmp(text, "fabric: ", 8) == 0) text += 8;
    for (int k = 0; k < TW_COUNT(fields); k++)
        if (strncmp(text, fields[k], strlen(fields[k])) == 0) field = fields[k];
    if (field && strncmp(text + strlen(field), " = ", 3) == 0) {
        // the line says the value already
        text += strlen(field) + 3;
        text += strcspn(text, " ,");
        text += strspn(text, " ,");
    }
    tw_node_error(node, field, errors, "%s", text);
}

// The network as the GPUs of a rack find it. cards: no faster than theirs; otherwise the fabric's ports.
static bool make_network(const TwPlant *plant, const TwNode *rack, bool cards, TwNetwork **network, TwErrors *errors)
{
    char csv[600], tables[512];
    TwNetworkSpec spec = {.endpoints = plant->gpu_count};
    TwAcceleratorRow gpu;
    TwRackRow row;
    tw_node_row(rack, &row);
    tw_node_row(tw_node_group(rack, "gpu"), &gpu);
    tw_node_row(tw_node_group(rack, "scaleup"), &spec.scaleup);
    tw_node_row(tw_node_group(tw_config_root(plant->config), "fabric"), &spec.fabric);
    spec.fabric.from = NULL;
    if (cards && row.scaleout_bytes_s > 0.0)
        spec.fabric.port_bytes_s = fmin(spec.fabric.port_bytes_s, row.scaleout_bytes_s / (double)spec.fabric.planes);
    if (tw_plant_tables(plant, gpu.calibration, tables, sizeof tables)) {
        snprintf(csv, sizeof csv, "%s/comm.csv", tables);
        if (tw_csv_present(csv)) spec.comm_csv = csv;
    } else if (gpu.calibration[0]) {
        char why[400];
        tw_node_value_error(tw_node_group(rack, "gpu"), "calibration", errors, "%s",
                            tw_calibration_missing(gpu.calibration, why));
        return false;
    }
    spec.drawn = tw_wiring_counts(plant);
    TwErrors *own = tw_errors_create();
    bool good = tw_network_create(network, &spec, own);
    if (!good) at_fabric(plant, own, errors);
    tw_errors_destroy(own);
    return good;
}

// What the network of a rack depends on beside the fabric; compared as bytes.
typedef struct RackLinks {
    TwScaleupRow scaleup;
    char calibration[512];
    double cards_bytes_s;
} RackLinks;

static void read_links(const TwNode *rack, double port_bytes_s, RackLinks *links)
{
    TwAcceleratorRow gpu;
    TwRackRow row;
    memset(links, 0, sizeof *links);
    tw_node_row(rack, &row);
    tw_node_row(tw_node_group(rack, "gpu"), &gpu);
    tw_node_row(tw_node_group(rack, "scaleup"), &links->scaleup);
    links->scaleup.title = NULL;
    snprintf(links->calibration, sizeof links->calibration, "%s", gpu.calibration);
    links->cards_bytes_s = row.scaleout_bytes_s > 0.0 ? fmin(row.scaleout_bytes_s, port_bytes_s) : port_bytes_s;
}

// Racks of other chips, domains or cards than the first have a network of their own, with the same fabric.
static bool compile_rack_networks(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    char name[TW_NAME];
    RackLinks *links = calloc((size_t)plant->rack_count + 1, sizeof *links), *first = links + plant->rack_count;
    if (!links) abort();
    plant->rack_networks = TW_TAKE(plant->arena, plant->rack_count, TwNetwork *);
    const TwFabricRow *fabric = tw_network_fabric(plant->network);
    double ports_bytes_s = fabric->port_bytes_s * (double)fabric->planes;
    read_links(tw_node_entry(root, "racks", 0, name), ports_bytes_s, first);
    first->cards_bytes_s = ports_bytes_s;
    bool good = true;
    for (int i = 0; i < plant->rack_count && good; i++) {
        const TwNode *rack = tw_node_entry(root, "racks", i, name);
        read_links(rack, ports_bytes_s, &links[i]);
        if (memcmp(&links[i], first, sizeof *links) == 0) plant->racks[i].network = plant->network;
        for (int k = 0; k < i && !plant->racks[i].network; k++)
            if (memcmp(&links[k], &links[i], sizeof *links) == 0) plant->racks[i].network = plant->racks[k].network;
        if (plant->racks[i].network) continue;
        good = make_network(plant, rack, true, &plant->rack_networks[plant->rack_network_count], errors);
        if (good) plant->racks[i].network = plant->rack_networks[plant->rack_network_count++];
    }
    free(links);
    return good;
}

bool tw_compile_network(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    char name[TW_NAME];
    TwFabricRow fabric;
    tw_node_row(tw_node_group(root, "fabric"), &fabric);
    if (!tw_wiring_compile(plant, &fabric, errors)) return false;
    if (!make_network(plant, tw_node_entry(root, "racks", 0, name), false, &plant->network, errors)) return false;
    if (!compile_rack_networks(plant, errors)) return false;

    // storage and in-band networks join hosts, not GPUs
    static const char *const sides[] = {"storage_network", "inband_network"};
    const TwScaleupRow *up = tw_network_scaleup(plant->network);
    int64_t node = up->node_gpus > 0 ? up->node_gpus : 8;
    bool good = true;
    for (int k = 0; k < 2; k++) {
        const TwNode *side = tw_node_group(root, sides[k]);
        if (!side) continue;
        TwNetworkSpec more = {.scaleup = {.domain_gpus = 1, .node_gpus = 1}};
        tw_node_row(side, &more.fabric);
        int64_t ports = more.fabric.ports_per_node > 0 ? more.fabric.ports_per_node : 1;
        more.endpoints = (plant->gpu_count + node - 1) / node * ports;
        more.scaleup.node_gpus = ports;
        good = tw_network_create(&plant->side_networks[k], &more, errors) && good;
    }
    return good;
}
