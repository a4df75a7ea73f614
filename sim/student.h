// Student's t: how wide an interval about a mean of few values is.
#pragma once

// The value that a share in (0.5, 1) of the distribution with so many degrees of freedom (above 0, whole or not) lies
// below: the incomplete beta function by its continued fraction (Lentz), halved down to 1e-13 of it.
double tw_student_quantile(double share, double freedom);

// Half of the two-sided 95 % interval of a mean, over its standard error, of so many degrees of freedom.
static inline double tw_student_95(int freedom) { return tw_student_quantile(0.975, freedom); }
