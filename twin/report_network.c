// What crossed the network, and power by row of racks, in a report.
#include "twin/report_parts.h"

#include "twin/crossing.h"
#include "twin/fabric.h"
#include "twin/rows.h"
#include "twin/transit.h"

// Power by row of racks, its switches apart; all of a row's switches is heat to the room. The first two hundred by
// name, the network row always.
static void add_rows(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    double span_s = tw_state_time_s(state), racks_j = 0.0, leaves_j = 0.0, room_j = 0.0;
    int count = plant->rows.row_count, last = count - 1;
    for (int r = 0; r < last; r++) {
        racks_j += tw_rows_rack_j(plant, block, r);
        leaves_j += tw_rows_network_j(plant, block, r);
    }
    const TwMeters *m = tw_state_meters(state);
    tw_report_add(report, "power.rows", "", "rows of racks and the network row", count);
    tw_report_add(report, "power.leaves_kw.mean", "kW", "switches that stand in rows of racks",
                  tw_over(leaves_j, span_s) * 1e-3);
    tw_report_add(report, "power.network_row_kw.mean", "kW", "switches of the network row",
                  tw_over(tw_rows_network_j(plant, block, last), span_s) * 1e-3);
    double all_j = m->rack_j + m->fabric_j, rows_j = racks_j + leaves_j + tw_rows_network_j(plant, block, last);
    tw_report_add(report, "ledger.rows_residual", "1", "racks and switches of all rows against IT",
                  tw_over(rows_j - all_j, all_j));
    for (int r = 0; r < count; r++) room_j += tw_rows_room_j(plant, block, r);
    tw_report_add(report, "power.rows_room_kw.mean", "kW", "heat of all rows to the room air",
                  tw_over(room_j, span_s) * 1e-3);
    tw_report_add(report, "ledger.rows_room_residual", "1", "the same against what the room air took up, over IT",
                  tw_over(room_j - m->rows_room_j, all_j));
    for (int r = 0; r < count; r++) {
        if (r >= 200 && r < last) continue;
        char path[80];
        snprintf(path, sizeof path, "rows.%d.name", r);
        tw_report_add_text(report, path, "a hall's racks with the same y_m", plant->rows.names[r]);
        const TwKpiRow rows[] = {
            {"racks_kw", "kW", "its racks, mean", tw_over(tw_rows_rack_j(plant, block, r), span_s) * 1e-3},
            {"network_kw", "kW", "its switches with their optics, mean",
             tw_over(tw_rows_network_j(plant, block, r), span_s) * 1e-3},
            {"room_kw", "kW", "heat of its racks and switches to the room air, mean",
             tw_over(tw_rows_room_j(plant, block, r), span_s) * 1e-3}};
        tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "rows.%d", r);
    }
}

// What crossed the network: transfers by what they were for, KV between replicas, the fullest links, losses.
void tw_report_network(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    const void *block = tw_state_block(state);
    const TwTransit *transit = tw_transit_of(plant);
    for (int k = 0; k < TW_HAULS; k++) {
        TwTransitCount n = tw_transit_count(transit, block, k);
        if (n.started == 0) continue;
        const TwKpiRow rows[] = {{"started", "", "transfers", (double)n.started},
                                 {"ended", "", "of them through", (double)n.ended},
                                 {"cut", "", "of them broken off", (double)n.cut},
                                 {"asked_bytes", "B", "of all", n.asked},
                                 {"delivered_bytes", "B", "there", n.delivered},
                                 {"lost_bytes", "B", "still to come when they were broken off", n.lost},
                                 {"under_way_bytes", "B", "still to come", n.asked - n.delivered - n.lost}};
        tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "network.transfers.%s", tw_haul_name(k));
    }
    if (t->transfer_bytes > 0) {
        tw_report_add(report, "network.transfers.kv.asked_bytes", "B", "of KV between replicas",
                      (double)t->transfer_bytes);
        tw_report_add(report, "network.transfers.kv.delivered_bytes", "B", "there", (double)t->delivered_bytes);
        tw_report_add(report, "network.transfers.kv.lost_bytes", "B", "with a replica that went down",
                      (double)t->lost_bytes);
        tw_report_add(report, "network.transfers.kv.under_way_bytes", "B", "still to come", (double)t->moving_bytes);
    }
    const TwCrossings *crossings = tw_transit_crossings(plant);
    if (crossings->count > 0) {
        TwCrossingSums sums = tw_crossing_sums(crossings, block);
        tw_report_add(report, "network.collectives.replicas", "", "replicas beyond an NVLink domain", crossings->count);
        tw_report_add(report, "network.collectives.sent_bytes", "B", "of their collectives, out of cards", sums.sent);
        tw_report_add(report, "network.collectives.received_bytes", "B", "into cards", sums.received);
        tw_report_add(report, "network.collectives.share.mean", "1", "of their cards' rate that the network left them",
                      sums.share_mean);
        tw_report_add(report, "network.collectives.share.min", "1", "least in a window", sums.share_least);
    }
    TwTransitLink full[5];
    int links = tw_transit_fullest(plant, block, full, 5);
    for (int i = 0; i < links; i++) {
        char path[80];
        snprintf(path, sizeof path, "network.links.%d.name", i);
        tw_report_add_text(report, path, "one of the fullest links", full[i].name);
        const TwKpiRow rows[] = {{"most", "1", "of what it carries, its fullest window", full[i].most},
                                 {"mean", "1", "of what it carries, mean", full[i].mean}};
        tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "network.links.%d", i);
    }
    add_rows(report, state);
    if (plant->fabric.step_count > 0) {
        double mean, least, slowest, transfer_s, residual;
        tw_fabric_sums(plant, tw_state_block(state), m->time_ns, &mean, &least, &slowest, &transfer_s, &residual);
        tw_report_add(report, "network.throughput_fraction.mean", "1", "of the whole fabric's, every card sending",
                      mean);
        tw_report_add(report, "network.throughput_fraction.min", "1", "least between two events", least);
        tw_report_add(report, "network.slowest_host_fraction.min", "1", "of its cards' rate", slowest);
        tw_report_add(report, "network.kv_transfer_s.max", "s", "4.5 GiB between the slowest hosts", transfer_s);
        tw_report_add(report, "network.bytes_residual", "1", "bytes sent against bytes received", residual);
    }
}
