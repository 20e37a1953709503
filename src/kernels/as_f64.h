/* Kernels: the words of a template file (*.inc) for double; see as_f32.h. No include guard. */
#undef REAL
#undef BITS
#undef NAME
#undef M
#define REAL double
#define BITS int64_t
#define NAME(x) x##_f64
#define M(function) function
