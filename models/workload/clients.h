// Client populations: shares of the rate and how the intervals of each vary (facilities/parts/traffic/clients.csv).
#pragma once

#include "models/workload/crowd.h"

// count 0: the largest clients of the service and eight equal ones for the rest; otherwise `count` clients of shares
// rank^-zipf_s with the intervals of the service's. The first `big` come and go by the hour at their peak.
bool tw_clients_make(TwCrowd *crowd, const char *service, int count, double zipf_s, int big, TwError *error);
