#include "twin/ledger.h"

#include "twin/plant.h"

#include <math.h>

size_t tw_meters_bytes(void) { return sizeof(TwMeters); }

static double relative(double difference, double scale) { return scale > 0.0 ? difference / scale : difference; }

TwLedger tw_ledger_close(const TwMeters *m, double stored_j, const TwWorkloadTotals *t)
{
    double losses_j = m->room_loss_j + m->outdoor_loss_j;
    double used_j = m->rack_j + m->fabric_j + m->cooling_j + losses_j;
    double gone_j = m->thermal_out_j + m->outdoor_loss_j + (stored_j - m->stored_start_j) + m->carry_j;
    TwLedger ledger = {
        .electricity_residual = relative(m->utility_j - m->storage_j + m->holdup_j - used_j, m->utility_j),
        .heat_residual = relative(used_j - gone_j, used_j),
        .requests_residual = t->arrived - t->completed - t->running - t->waiting - t->rejected - t->lost,
        .input_tokens_residual =
            t->input_tokens_arrived - t->input_tokens_done - t->input_tokens_pending - t->input_tokens_dropped,
        .output_tokens_residual =
            t->output_tokens_arrived - t->output_tokens_done - t->output_tokens_pending - t->output_tokens_dropped,
        .transfer_bytes_residual = t->transfer_bytes - t->delivered_bytes - t->moving_bytes - t->lost_bytes,
    };
    ledger.ok = fabs(ledger.electricity_residual) <= 1e-9 && fabs(ledger.heat_residual) <= 1e-9 &&
                ledger.requests_residual == 0 && ledger.input_tokens_residual == 0 &&
                ledger.output_tokens_residual == 0 && ledger.transfer_bytes_residual == 0;
    return ledger;
}
