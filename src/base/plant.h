/* Floor 1, base: bugs that are planted to see the checkers fail. A bug is one switch of tests/planted/switches:
 *
 *     if (AAI_PLANT(FREE_BELOW_MARK)) { ... }
 *
 * is compiled away, except where AA_PLANTED is defined and AA_PLANT_FREE_BELOW_MARK is 1; tests/planted/run does that,
 * file by file, and nothing else may: configure refuses such flags, and tests/planted/check-clean looks for the mark that
 * every planted object carries. */
#ifndef AAI_PLANT_H
#define AAI_PLANT_H

#ifdef AA_PLANTED
#define AAI_PLANT(name) AAI_PLANT_EXPAND_(AA_PLANT_##name)
#define AAI_PLANT_EXPAND_(value) AAI_PLANT_VALUE_(value)
#define AAI_PLANT_VALUE_(value) AAI_PLANT_CHOOSE_(AAI_PLANT_IS_##value, 0, 0)
#define AAI_PLANT_CHOOSE_(...) AAI_PLANT_SECOND_(__VA_ARGS__)
#define AAI_PLANT_SECOND_(first, second, ...) second
#define AAI_PLANT_IS_1 0, 1
static const char aai_planted[] __attribute__((used)) = "allocarrays: planted bug";
#else
#define AAI_PLANT(name) 0
#endif

#endif
