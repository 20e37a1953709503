/* What the planted faults' two files share. */
#ifndef AA_TESTS_UNIT_TEST_TESTKIT_PLANTED_H
#define AA_TESTS_UNIT_TEST_TESTKIT_PLANTED_H

#include <check.h>
#include <stddef.h>

/* A main whose tests fail: those named so, or all. */
int planted_main(const char *which);

/* Those of teams and of memory that is refused, put into tests; how many. */
size_t planted_teams(const TTest **tests);

#endif
