/* Bench: the questions of stream.cc, for the program "digits". */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

namespace bench
{

void register_stream();

} // namespace bench

#endif
