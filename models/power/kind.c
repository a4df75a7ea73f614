// Field tables of the electrical parts: what a facility file may say about an element of the tree and a power shelf.
#include "models/power/power.h"

#include <stddef.h>

#define ROW(field) offsetof(TwElementRow, field)

static const char *const element_words[] = {"feed",   "substation", "transformer", "board", "switchgear", "pdu",
                                            "busway", "ups",        "bess",        "panel", NULL};

static const TwField element_fields[] = {
    {"title", "", TW_TEXT, 0.0, 0.0, "", ROW(title), "what it is, one line", NULL},
    {"kind", "", TW_TEXT, 0.0, 0.0, NULL, ROW(kind), "what it is; a feed has no parent, ups and bess store energy",
     element_words},
    {"from", "", TW_TEXT, 0.0, 0.0, "", ROW(from), "name of the element that supplies it; a feed has none", NULL},
    {"limit_w", "W", TW_REAL, 1e-3, 1e12, "unknown", ROW(limit_w),
     "largest power at its input; unknown: its rating, or none", NULL},
    {"rated_w", "W", TW_REAL, 1e-3, 1e12, "unknown", ROW(rated_w),
     "output that the loss law is scaled by; unknown: limit_w", NULL},
    {"loss_a", "1", TW_REAL, 0.0, 1.0, "0", ROW(loss_a), "loss at no load over rated_w", NULL},
    {"loss_b", "1", TW_REAL, -0.5, 1.0, "0", ROW(loss_b), "loss in proportion to the load, over rated_w", NULL},
    {"loss_c", "1", TW_REAL, 0.0, 1.0, "0", ROW(loss_c), "loss with the square of the load, over rated_w", NULL},
    {"outdoor", "", TW_BOOLEAN, 0.0, 0.0, "false", ROW(outdoor), "its losses heat the outside air, not a room", NULL},
    {"autonomy_s", "s", TW_REAL, 0.0, 1e6, "0", ROW(autonomy_s), "ups: time the full battery carries the rated load",
     NULL},
    {"capacity_j", "J", TW_REAL, 0.0, 1e15, "0", ROW(capacity_j), "bess: energy of the full cells", NULL},
    {"charge_fraction", "1", TW_REAL, 0.5, 1.0, "1", ROW(charge_fraction), "store: efficiency of the cells one way",
     NULL},
    {"ramp_w_s", "W/s", TW_REAL, 1e-3, 1e12, "unknown", ROW(ramp_w_s),
     "how fast a load target may move; unknown: at once", NULL},
    {"charge_w", "W", TW_REAL, 0.0, 1e12, "unknown", ROW(charge_w),
     "store: largest power taken to charge; unknown: rated_w / 10", NULL},
    {"reserve_fraction", "1", TW_REAL, 0.0, 0.99, "0", ROW(reserve_fraction),
     "store: part of the capacity that is never discharged", NULL},
};

const TwKind tw_element_kind = {"element", "element", element_fields, TW_COUNT(element_fields), NULL, 0};

#undef ROW
#define ROW(field) offsetof(TwShelfRow, field)

static const TwField shelf_fields[] = {
    {"title", "", TW_TEXT, 0.0, 0.0, "", ROW(title), "what it is, one line", NULL},
    {"rated_w", "W", TW_REAL, 1.0, 1e9, NULL, ROW(rated_w), "output of one shelf", NULL},
    {"loss_a", "1", TW_REAL, 0.0, 1.0, NULL, ROW(loss_a), "loss at no load over rated_w", NULL},
    {"loss_b", "1", TW_REAL, -0.5, 1.0, NULL, ROW(loss_b), "loss in proportion to the load, over rated_w", NULL},
    {"loss_c", "1", TW_REAL, 0.0, 1.0, NULL, ROW(loss_c), "loss with the square of the load, over rated_w", NULL},
};

const TwKind tw_shelf_kind = {"shelf", "shelf", shelf_fields, TW_COUNT(shelf_fields), NULL, 0};
