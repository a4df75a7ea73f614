// What the table of options says to people and to shells.
#include "cli/commands.h"
#include "cli/options_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Columns that help may take: of the terminal, 80 where there is none.
static int columns_of(FILE *stream)
{
    struct winsize size;
    const char *told = getenv("COLUMNS");
    int columns = told ? atoi(told) : 80;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns = size.ws_col;
    return columns < 60 ? 60 : columns > 120 ? 120 : columns;    // a longer line is not read
}

void tw_print_wrapped(FILE *stream, int left, const char *text)
{
    int room = columns_of(stream) - left;
    while (*text) {
        int n = (int)strlen(text);
        if (n > room) {
            for (n = room; n > room / 3 && text[n] != ' ';) n--;
            if (text[n] != ' ') n = (int)strcspn(text, " ");    // one word wider than the room
        }
        fprintf(stream, "%.*s\n", n, text);
        text += n;
        text += strspn(text, " ");
        if (*text) fprintf(stream, "%*s", left, "");
    }
}

void tw_options_help(FILE *stream, const TwCommandRow *command)
{
    char text[256];
    snprintf(text, sizeof text, "%c%s.", toupper((unsigned char)command->text[0]), command->text + 1);
    fprintf(stream, "Usage: tokenworks %s [OPTION]...\n", command->usage);
    tw_print_wrapped(stream, 0, text);
    putc('\n', stream);
    for (const TwOptionRow *o = tw_option_rows; o->name; o++) {
        if (!(o->commands & (int)command->command)) continue;
        char left[64];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "   ", o->name, o->argument ? "=" : "", o->argument ? o->argument : "");
        fprintf(stream, strlen(left) > 28 ? "  %s\n%31s" : "  %-28s %s", left, "");
        tw_print_wrapped(stream, 31, o->text);
    }
    fprintf(stream, "\nExamples:\n%s", command->examples);
}

void tw_options_completion(FILE *stream)
{
    fprintf(stream, "# bash completion of tokenworks\n_tokenworks() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
                    "    if [ \"$COMP_CWORD\" = 1 ]; then words=\"");
    for (const TwCommandRow *c = tw_commands; c->name; c++) fprintf(stream, "%s ", c->name);
    fprintf(stream, "--help --version\"\n    else case ${COMP_WORDS[1]} in\n");
    for (const TwCommandRow *c = tw_commands; c->name; c++) {
        fprintf(stream, "        %s) words=\"", c->name);
        for (const TwOptionRow *o = tw_option_rows; o->name; o++)
            if (o->commands & (int)c->command) fprintf(stream, "--%s ", o->name);
        fprintf(stream, "\" ;;\n");
    }
    fprintf(stream, "    esac; fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n}\n"
                    "complete -o filenames -F _tokenworks tokenworks\n");
}
