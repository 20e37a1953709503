/* Kernels: the words of a template file (*.inc) for float. No include guard: defined anew by each
 * pair. REAL: the type. BITS: an integer as wide. NAME(x): x's name for this type. M(f): <math.h>'s
 * f for this type.
 */
#undef REAL
#undef BITS
#undef NAME
#undef M
#define REAL float
#define BITS int32_t
#define NAME(x) x##_f32
#define M(function) function##f
