# AA_BENCHMARK
# Can the benchmarks be built? Sets aa_bench to yes or no, and substitutes BENCHMARK_CFLAGS, BENCHMARK_LIBS
# and AA_BENCH_CXXFLAGS. They are C++17 with OpenMP, on Google Benchmark.
AC_DEFUN([AA_BENCHMARK], [
  PKG_CHECK_MODULES([BENCHMARK], [benchmark], [aa_bench=yes], [aa_bench=no])
  AC_LANG_PUSH([C++])
  AC_OPENMP
  AC_CACHE_CHECK([whether $CXX builds C++17 with OpenMP and Google Benchmark], [aa_cv_bench], [
    aa_saved_CXXFLAGS=$CXXFLAGS
    aa_saved_LIBS=$LIBS
    CXXFLAGS="$CXXFLAGS -std=gnu++17 $OPENMP_CXXFLAGS $BENCHMARK_CFLAGS"
    LIBS="$BENCHMARK_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <benchmark/benchmark.h>
        #include <memory_resource>
        #include <omp.h>]],
        [[std::pmr::monotonic_buffer_resource pool;
          omp_free(omp_alloc(1, omp_default_mem_alloc), omp_default_mem_alloc);
          benchmark::Initialize(nullptr, nullptr);]])],
      [aa_cv_bench=yes], [aa_cv_bench=no])
    CXXFLAGS=$aa_saved_CXXFLAGS
    LIBS=$aa_saved_LIBS
  ])
  AC_LANG_POP([C++])
  AS_IF([test "x$aa_cv_bench" != xyes], [aa_bench=no])
  AA_BENCH_CXXFLAGS="-std=gnu++17 -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow"
  AS_IF([test "x$enable_werror" = xyes], [AS_VAR_APPEND([AA_BENCH_CXXFLAGS], [" -Werror"])])
  AC_SUBST([AA_BENCH_CXXFLAGS])
])
