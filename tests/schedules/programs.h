/* The explored programs, and what they share. */
#ifndef AA_EXPLORE_PROGRAMS_H
#define AA_EXPLORE_PROGRAMS_H

#include "explore.h"

extern const program lease_program, marks_program, adopt_program, exit_program, planted_program;
extern const program pin_program, token_program, cells_program, team_program;

extern aa_allocator *the_allocator;

/* An array of bytes, noted as handed out. */
aa_array take_array(aa_allocator *allocator, int64_t bytes, unsigned round);

#endif
