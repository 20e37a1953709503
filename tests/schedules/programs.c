/* The programs that are explored. */
#include "programs.h"

const program *const programs[] = {&lease_program, &marks_program, &adopt_program,
                                   &exit_program,  &pin_program,   &token_program,
                                   &cells_program, &team_program,  &planted_program};
const int program_count = sizeof programs / sizeof programs[0];
