/* AllocArrays in C++17: scopes and scratches that end with their block, memory for the standard library's containers,
 * array views, failures as exceptions. Headers only, over the C library; includes every header of the core. With
 * -fno-exceptions a failure that would throw prints its sentence and aborts. */
#ifndef ALLOCARRAYS_HPP
#define ALLOCARRAYS_HPP

#include <allocarrays.h>
#include <allocarrays/cxx/array_view.hpp>
#include <allocarrays/cxx/error.hpp>
#include <allocarrays/cxx/memory.hpp>
#include <allocarrays/cxx/scope.hpp>

#endif
