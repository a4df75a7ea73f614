// The KPI card of a site: what a run computes beside figures that somebody published, with boundary and breakdown.
#pragma once

#include "twin/report.h"

// Adds the members card.NAME.{computed, published, ratio} for the card of the racks in use. False: none is published.
bool tw_card_add(TwReport *report, const TwState *state);
void tw_card_print(const TwReport *report, const TwPlant *plant, FILE *stream);
