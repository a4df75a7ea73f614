// What the windows share: starting SDL's video, opening a window, cairo on its pixels.
#pragma once

#include "sim/error.h"

#include <cairo.h>
#include <SDL.h>

// Fails with TW_IO and "no display; use --screenshot" where nobody would see a window.
bool tw_video_begin(TwError *error);
void tw_video_end(void);

SDL_Window *tw_window_open(const char *title, TwError *error);

// The pixels of a window surface die when it is resized: fetch them again. *canvas is destroyed and made anew.
bool tw_window_canvas(SDL_Window *window, SDL_Surface **surface, cairo_surface_t **canvas, TwError *error);
double tw_window_density(SDL_Window *window, const SDL_Surface *surface);    // pixels a point: as said, told or guessed
// Of a screen that does not tell: by its pixels an inch (0: not known, then that of a desk's of 1,440 rows), in
// quarters, as far as 1,600 x 900 points are left; 1 to 3.
double tw_screen_density(double dpi, int width_px, int height_px);
double tw_window_points(SDL_Window *window, const SDL_Surface *surface);    // pixels a point of the mouse

// tokenworks-NNN.png in the current folder, the first that is free after *saved; says in the title how it went.
bool tw_window_save(SDL_Window *window, const SDL_Surface *surface, int *saved);
