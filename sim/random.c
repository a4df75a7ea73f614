#include "sim/random.h"

#include <assert.h>
#include <math.h>
#include <Random123/philox.h>

// finaliser of SplitMix64 (Steele et al. 2014): every input bit reaches every output bit
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t tw_hash64(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return mix(hash);
}

TwStream tw_stream(uint64_t seed, const char *component)
{
    uint64_t key = mix(mix(seed + 0x9e3779b97f4a7c15u) ^ tw_hash64(component));
    return (TwStream){{(uint32_t)key, (uint32_t)(key >> 32)}};
}

void tw_random4(TwStream stream, uint64_t index, uint32_t entity, TwPurpose purpose, uint32_t words[4])
{
    philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)(index >> 32), entity, (uint32_t)purpose}};
    philox4x32_key_t key = {{stream.key[0], stream.key[1]}};
    philox4x32_ctr_t draw = philox4x32_R(10, counter, key);
    for (int i = 0; i < 4; i++) words[i] = draw.v[i];
}

double tw_uniform(uint32_t word) { return (word + 0.5) * 0x1p-32; }

double tw_random(TwStream stream, uint64_t index, uint32_t entity, TwPurpose purpose)
{
    uint32_t words[4];
    tw_random4(stream, index, entity, purpose, words);
    return tw_uniform(words[0]);
}

// highest power first
static double polynomial(const double coefficient[8], double x)
{
    double sum = coefficient[0];
    for (int i = 1; i < 8; i++) sum = sum * x + coefficient[i];
    return sum;
}

double tw_normal_quantile(double u)
{
    assert(u > 0.0 && u < 1.0);
    static const double centre[2][8] = {
        {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
         1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0},
        {5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
         5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0}};
    static const double middle[2][8] = {
        {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
         3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0},
        {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
         6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0}};
    static const double tail[2][8] = {
        {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
         2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0},
        {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
         1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0}};

    double q = u - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(centre[0], r) / polynomial(centre[1], r);
    }
    double r = sqrt(-log(q < 0.0 ? u : 1.0 - u));
    double z = r <= 5.0 ? polynomial(middle[0], r - 1.6) / polynomial(middle[1], r - 1.6)
                        : polynomial(tail[0], r - 5.0) / polynomial(tail[1], r - 5.0);
    return q < 0.0 ? -z : z;
}
