#include "viz/surface.h"

#include "viz/png.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// drivers that SDL falls back to where nobody would see the window
static bool is_blind(const char *driver)
{
    return !driver || strcmp(driver, "offscreen") == 0 || strcmp(driver, "dummy") == 0 || strcmp(driver, "evdev") == 0;
}

// windows that are open over each other: a run, the study it came from
static int video_depth;
static struct sigaction before_video;    // what SIGPIPE did

// A display that goes away ends the process from within Xlib by exit(1), after a line of its own.
static void display_gone(void)
{
    if (video_depth == 0) return;
    fputs("error: the display is gone, and the window with it\n", stderr);
    fflush(NULL);
    _exit(TW_IO);
}

// An error of one request, as a word to a window that has just closed, is no reason to end, which is what Xlib's own
// handler does, by exit(1). Toolkits pass over it, and so does this.
static int pass_over(void *display, void *event)
{
    (void)display, (void)event;
    return 0;
}

static void outlive_requests(void)
{
    void *(*set_handler)(int (*)(void *, void *));
    const char *driver = SDL_GetCurrentVideoDriver();
    if (!driver || strcmp(driver, "x11") != 0) return;
    void *library = SDL_LoadObject("libX11.so.6"), *found = NULL;    // the one that SDL speaks through
    if (library) found = SDL_LoadFunction(library, "XSetErrorHandler");
    if (!found) return;
    memcpy(&set_handler, &found, sizeof found);
    set_handler(pass_over);
}

bool tw_video_begin(TwError *error)
{
    if (video_depth > 0) return ++video_depth;
    // without this the surface goes through OpenGL: 32 ms a present instead of 2 where there is no GPU
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    if (SDL_Init(SDL_INIT_VIDEO) != 0) return tw_fail(error, TW_IO, "no display; use --screenshot");
    const char *asked = SDL_getenv("SDL_VIDEODRIVER");
    if (!(asked && *asked) && is_blind(SDL_GetCurrentVideoDriver())) {
        SDL_Quit();
        return tw_fail(error, TW_IO, "no display; use --screenshot");
    }
    outlive_requests();
    static bool watched;
    if (!watched) atexit(display_gone);
    watched = true;
    // a word to a display that is gone is an error of Xlib's, which display_gone tells, and not the process' death
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &before_video);
    video_depth = 1;
    return true;
}

void tw_video_end(void)
{
    if (--video_depth > 0) return;
    sigaction(SIGPIPE, &before_video, NULL);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    SDL_Quit();
}

// what the person said of the display; 0: nothing
static double said_scale;
void tw_window_scale(double scale) { said_scale = scale; }

double tw_screen_density(double dpi, int width_px, int height_px)
{
    double wanted = dpi > 0.0 ? dpi / 96.0 : height_px / 1440.0;
    double most = fmin(width_px / 1600.0, height_px / 900.0);
    return fmin(fmax(floor(4.0 * fmin(wanted, most)) / 4.0, 1.0), 3.0);
}

static double display_density(int display)
{
    SDL_DisplayMode mode;
    float dpi;
    if (said_scale > 0.0) return said_scale;
    if (display < 0 || SDL_GetDesktopDisplayMode(display, &mode) != 0) return 1.0;
    if (SDL_GetDisplayDPI(display, &dpi, NULL, NULL) != 0) dpi = 0.0f;
    return tw_screen_density((double)dpi, mode.w, mode.h);
}

SDL_Window *tw_window_open(const char *title, TwError *error)
{
    SDL_Rect usable = {0, 0, 1920, 1080};
    if (SDL_GetDisplayUsableBounds(0, &usable) != 0) usable.w = 1280, usable.h = 800;
    double density = display_density(0);
    int width = (int)fmin(usable.w, 1920.0 * density), height = (int)fmin(usable.h, 1080.0 * density);
    SDL_Window *window = SDL_CreateWindow(title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, width, height,
                                          SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!window)
        tw_fail(error, TW_IO, "no display; use --screenshot (%s)", SDL_GetError());
    else
        SDL_SetWindowMinimumSize(window, 200, 150);
    return window;
}

bool tw_window_canvas(SDL_Window *window, SDL_Surface **surface, cairo_surface_t **canvas, TwError *error)
{
    if (*canvas) cairo_surface_destroy(*canvas);
    *canvas = NULL;
    SDL_Surface *s = *surface = SDL_GetWindowSurface(window);
    if (!s) return tw_fail(error, TW_IO, "window surface: %s", SDL_GetError());
    if (s->format->BytesPerPixel != 4)
        return tw_fail(error, TW_IO, "window surface has %d bytes a pixel, expected 4", s->format->BytesPerPixel);
    *canvas = cairo_image_surface_create_for_data(s->pixels, CAIRO_FORMAT_RGB24, s->w, s->h, s->pitch);
    if (cairo_surface_status(*canvas) != CAIRO_STATUS_SUCCESS)
        return tw_fail(error, TW_IO, "window surface: cairo refuses it");
    return true;
}

double tw_window_density(SDL_Window *window, const SDL_Surface *surface)
{
    double told = tw_window_points(window, surface);
    if (told > 1.0 && !(said_scale > 0.0)) return told;
    return display_density(SDL_GetWindowDisplayIndex(window));
}

double tw_window_points(SDL_Window *window, const SDL_Surface *surface)
{
    int points_w = surface->w, points_h;
    SDL_GetWindowSize(window, &points_w, &points_h);
    return points_w > 0 ? (double)surface->w / points_w : 1.0;
}

bool tw_window_save(SDL_Window *window, const SDL_Surface *surface, int *saved)
{
    char path[64], status[128];
    do snprintf(path, sizeof path, "tokenworks-%03d.png", ++*saved);
    while (access(path, F_OK) == 0 && *saved < 999);
    FILE *stream = fopen(path, "wb");
    bool ok = stream && tw_png_write(stream, surface->pixels, surface->pitch, surface->w, surface->h);
    if (stream) ok = fclose(stream) == 0 && ok;
    snprintf(status, sizeof status, ok ? "saved %.100s" : "cannot write %.100s", path);
    SDL_SetWindowTitle(window, status);
    return ok;
}
