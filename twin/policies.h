// Power policies: named caps and floors for groups of racks, for a span of time (power specification, DPS policies).
//
// A policy holds its racks to cap_w, to cap_fraction of their rated peak, or to the Max-Q power of their part (profile
// "max_q"; "max_p" is the rated peak). Where several hold, the tightest cap and the highest floor rule. Caps reach
// tokens only through the replicas' clocks. Limits of the tree stay above all policies.
#pragma once

#include "twin/plant.h"

extern const TwKind tw_policy_kind;    // entries of the list `policies`

typedef struct TwPolicyRow {
    const char *profile;
    TwTexts racks;
    double cap_w, cap_fraction, floor_w, at_s, until_s;
} TwPolicyRow;

typedef struct TwPolicyPlan {
    char name[TW_NAME];
    TwPolicyRow row;
    double *cap_w;    // [rack] INFINITY: not of this policy
} TwPolicyPlan;

void tw_compile_policies(TwPlant *plant, TwErrors *errors);

// Tightens the floor and the cap of a rack by what holds at this time.
void tw_policies_apply(const TwPlant *plant, int rack, double time_s, double *floor_w, double *most_w);
