#include "models/power/matlab.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 64, VARIABLES = 512, ARGUMENTS = 4, DEPTH = 64 };

typedef struct Variable {
    char name[NAME];
    TwMatrix value;
} Variable;

struct TwMatlab {
    TwArena *arena;
    const char *path;
    char *text;
    const char *at;
    int line, depth;
    TwError *error;
    bool failed;
    char function[NAME], output[NAME];
    Variable variables[VARIABLES];
    int count;
    int end_size;    // what `end` means inside an index
};

typedef TwMatlab M;

static void fail(M *m, const char *format, ...)
{
    if (m->failed) return;
    m->failed = true;
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tw_fail_at(m->error, m->path, m->line, 0, "%s", text);
}

static TwMatrix matrix(M *m, int rows, int columns)
{
    size_t n = (size_t)rows * (size_t)columns;
    return (TwMatrix){rows, columns, TW_TAKE(m->arena, n + 1, double), TW_TAKE(m->arena, rows + 1, int), false,
                      NULL, 0};
}

static TwMatrix number(M *m, double value)
{
    TwMatrix one = matrix(m, 1, 1);
    one.values[0] = value;
    return one;
}

static TwMatrix *find(M *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->variables[i].name, name) == 0) return &m->variables[i].value;
    return NULL;
}

static void put(M *m, const char *name, TwMatrix value)
{
    TwMatrix *there = find(m, name);
    value.assigned = m->line;
    if (there) {
        *there = value;
        return;
    }
    if (m->count == VARIABLES) {
        fail(m, "more than %d variables", VARIABLES);
        return;
    }
    Variable *v = &m->variables[m->count++];
    snprintf(v->name, sizeof v->name, "%.63s", name);
    v->value = value;
}

static void skip_line(M *m)
{
    while (*m->at && *m->at != '\n') m->at++;
}

// Blanks, comments and continuations; newlines too where they mean nothing.
static void skip(M *m, bool newlines)
{
    for (;; m->at++) {
        if (*m->at == '%' || *m->at == '#') {
            // a block comment is a line of its own with nothing but the brace
            const char *end = m->at + 2, *begin = m->at;
            while (*end == ' ' || *end == '\t' || *end == '\r') end++;
            while (begin > m->text && (begin[-1] == ' ' || begin[-1] == '\t')) begin--;
            bool alone = m->at[1] == '{' && (*end == '\n' || !*end) && (begin == m->text || begin[-1] == '\n');
            if (alone) {
                while (*m->at && !(*m->at == '%' && m->at[1] == '}')) {
                    if (*m->at == '\n') m->line++;
                    m->at++;
                }
                if (*m->at) m->at++;
                continue;
            }
            skip_line(m);
        }
        if (strncmp(m->at, "...", 3) == 0) {
            skip_line(m);
            if (*m->at) m->line++;
            if (!*m->at) return;
            continue;
        }
        if (newlines && *m->at == '\n') {
            m->line++;
            continue;
        }
        if (*m->at != ' ' && *m->at != '\t' && *m->at != '\r') return;
    }
}

static bool take(M *m, char c)
{
    skip(m, false);
    if (*m->at != c) return false;
    m->at++;
    return true;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

// An identifier, with its fields: mpc.bus. False: none here.
static bool word(M *m, char name[NAME])
{
    skip(m, false);
    if (!isalpha((unsigned char)*m->at) && *m->at != '_') return false;
    int n = 0;
    for (;; m->at++) {
        bool field = *m->at == '.' && (isalpha((unsigned char)m->at[1]) || m->at[1] == '_') && n > 0;
        if (!is_word(*m->at) && !field) break;
        if (n < NAME - 1) name[n++] = *m->at;
    }
    name[n] = '\0';
    return true;
}

static TwMatrix expression(M *m, bool in_matrix);

static TwMatrix quoted(M *m)
{
    char mark = *m->at++;
    const char *from = m->at;
    size_t room = strcspn(from, "\n") + 1, n = 0;
    char *text = TW_TAKE(m->arena, room + 1, char);
    for (;; m->at++) {
        if (!*m->at || *m->at == '\n') {
            fail(m, "text without an end");
            break;
        }
        if (*m->at == mark) {
            if (m->at[1] != mark) {
                m->at++;
                break;
            }
            m->at++;
        }
        text[n++] = *m->at;
    }
    TwMatrix value = matrix(m, 1, 1);
    value.is_text = true;
    value.text = text;
    return value;
}

// Over a cell array, brace by brace, minding text and comments.
static TwMatrix cell(M *m)
{
    int depth = 0;
    do {
        skip(m, true);
        if (!*m->at) {
            fail(m, "{ without an end");
            break;
        }
        if (*m->at == '\'' || *m->at == '"') {
            quoted(m);
            continue;
        }
        depth += *m->at == '{' ? 1 : *m->at == '}' ? -1 : 0;
        m->at++;
    } while (depth > 0 && !m->failed);
    return matrix(m, 0, 0);
}

typedef struct Grow {
    double *values;
    int *line;
    int rows, columns, count, room, line_room;
} Grow;

static void push(Grow *g, double value)
{
    if (g->count == g->room) {
        g->room = g->room ? 2 * g->room : 64;
        g->values = realloc(g->values, (size_t)g->room * sizeof *g->values);
        if (!g->values) abort();
    }
    g->values[g->count++] = value;
}

static void end_row(M *m, Grow *g, int row_start, int line)
{
    int width = g->count - row_start;
    if (width == 0 || m->failed) return;
    if (g->rows == 0) g->columns = width;
    if (width != g->columns) {
        int now = m->line;
        m->line = line;
        fail(m, "this row has %d columns, the ones above %d", width, g->columns);
        m->line = now;
        return;
    }
    if (g->rows == g->line_room) {
        g->line_room = g->line_room ? 2 * g->line_room : 64;
        g->line = realloc(g->line, (size_t)g->line_room * sizeof *g->line);
        if (!g->line) abort();
    }
    g->line[g->rows++] = line;
}

// One element of a row: a number straight away where it stands alone, else an expression.
static void element(M *m, Grow *g)
{
    char *end;
    if (isdigit((unsigned char)*m->at) || *m->at == '-' || *m->at == '.') {
        double value = strtod(m->at, &end);
        if (end != m->at && strchr(" \t\r\n;,]", *end) && *end && m->at[1] != 'x' && m->at[1] != 'X') {
            // "1 - 2" is one element, "1 -2" two
            const char *next = end + strspn(end, " \t");
            bool operator= next != end && strchr("+-*/^", *next) && *next && (next[1] == ' ' || strchr("*/^", *next));
            if (!operator&& strncmp(next, "...", 3) != 0) {
                m->at = end;
                push(g, value);
                return;
            }
        }
    }
    TwMatrix value = expression(m, true);
    if (m->failed) return;
    if (value.is_text) {
        fail(m, "text inside a matrix");
        return;
    }
    if (value.rows > 1) {
        fail(m, "a matrix inside a matrix: expected rows of numbers");
        return;
    }
    for (int k = 0; k < value.columns; k++) push(g, value.values[k]);
}

static TwMatrix literal(M *m)
{
    Grow g = {0};
    int row_start = 0, row_line = m->line;
    m->at++;
    for (;;) {
        skip(m, false);
        if (m->failed || !*m->at) {
            fail(m, "[ without an end");
            break;
        }
        if (*m->at == ']') {
            end_row(m, &g, row_start, row_line);
            m->at++;
            break;
        }
        if (*m->at == ';' || *m->at == '\n') {
            end_row(m, &g, row_start, row_line);
            if (*m->at++ == '\n') m->line++;
            row_start = g.count;
            continue;
        }
        if (*m->at == ',') {
            m->at++;
            continue;
        }
        if (g.count == row_start) row_line = m->line;
        element(m, &g);
        if (m->failed) break;
    }
    TwMatrix value = matrix(m, m->failed ? 0 : g.rows, g.columns);
    if (!m->failed && g.count) {
        memcpy(value.values, g.values, (size_t)g.count * sizeof *g.values);
        memcpy(value.line, g.line, (size_t)g.rows * sizeof *g.line);
    }
    free(g.values);
    free(g.line);
    return value;
}

// Arguments in parentheses; a bare colon is a matrix of no rows and -1 columns.
static int arguments(M *m, const TwMatrix *of, TwMatrix list[ARGUMENTS])
{
    int count = 0;
    int outer = m->end_size;
    m->at++;
    skip(m, true);
    if (*m->at == ')') {
        m->at++;
        return 0;
    }
    while (!m->failed) {
        if (count == ARGUMENTS) {
            fail(m, "more than %d arguments", ARGUMENTS);
            break;
        }
        skip(m, true);
        if (of) {
            // how many indices follow is not known yet: one index counts elements, the first of two counts rows
            int depth = 0, commas = 0;
            for (const char *c = m->at; *c && depth >= 0; c++) {
                depth += *c == '(' || *c == '[' ? 1 : *c == ')' || *c == ']' ? -1 : 0;
                commas += depth == 0 && *c == ',';
            }
            m->end_size = count > 0 ? of->columns : commas ? of->rows : of->rows * of->columns;
        }
        const char *next = m->at + 1 + strspn(m->at + (*m->at ? 1 : 0), " \t");
        if (*m->at == ':' && (*next == ',' || *next == ')')) {
            m->at++;
            list[count++] = (TwMatrix){0, -1, NULL, NULL, false, NULL, 0};
        } else {
            list[count++] = expression(m, false);
        }
        skip(m, true);
        if (*m->at == ',') {
            m->at++;
            continue;
        }
        if (*m->at == ')') {
            m->at++;
            break;
        }
        fail(m, "expected , or )");
    }
    m->end_size = outer;
    return count;
}

static double apply_function(const char *name, double x, bool *known)
{
    static const struct {
        const char *name;
        double (*f)(double);
    } table[] = {{"sqrt", sqrt},   {"sin", sin},     {"cos", cos},   {"tan", tan},    {"asin", asin},
                 {"acos", acos},   {"atan", atan},   {"exp", exp},   {"log", log},    {"abs", fabs},
                 {"floor", floor}, {"round", round}, {"ceil", ceil}, {"log10", log10}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) return table[i].f(x);
    *known = false;
    return NAN;
}

// Indices of one dimension, from 0. Returns their number.
static int chosen(M *m, const TwMatrix *index, int size, int **which)
{
    int n = index->columns < 0 ? size : index->rows * index->columns;
    *which = TW_TAKE(m->arena, n + 1, int);
    for (int i = 0; i < n; i++) {
        double at = index->columns < 0 ? i + 1 : index->values[i];
        if (at != floor(at) || at < 1.0 || at > (double)size) {
            fail(m, "index %g, expected a whole number from 1 to %d", at, size);
            return 0;
        }
        (*which)[i] = (int)at - 1;
    }
    return n;
}

static void rows_and_columns(M *m, const TwMatrix *of, const TwMatrix *list, int count, int **row, int *rows,
                             int **column, int *columns)
{
    *rows = *columns = 0;
    if (count == 2) {
        *rows = chosen(m, &list[0], of->rows, row);
        *columns = chosen(m, &list[1], of->columns, column);
        return;
    }
    // one index runs down a vector
    if (count != 1 || (of->rows != 1 && of->columns != 1)) {
        fail(m, "expected a row and a column as index");
        return;
    }
    static const TwMatrix all = {0, -1, NULL, NULL, false, NULL, 0};
    bool lying = of->rows == 1;
    *rows = chosen(m, lying ? &all : &list[0], of->rows, row);
    *columns = chosen(m, lying ? &list[0] : &all, of->columns, column);
}

static TwMatrix part_of(M *m, const TwMatrix *of, const TwMatrix *list, int count)
{
    int *row = NULL, *column = NULL, rows, columns;
    rows_and_columns(m, of, list, count, &row, &rows, &column, &columns);
    if (m->failed) return number(m, NAN);
    TwMatrix value = matrix(m, rows, columns);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) value.values[i * columns + j] = of->values[row[i] * of->columns + column[j]];
    return value;
}

static TwMatrix named(M *m)
{
    char name[NAME];
    word(m, name);
    const TwMatrix *variable = find(m, name);
    const char *next = m->at;
    while (*next == ' ' || *next == '\t') next++;
    bool call = *m->at == '(';
    if (variable) {
        if (!call) return *variable;
        TwMatrix of = *variable, list[ARGUMENTS];
        int count = arguments(m, &of, list);
        return m->failed ? number(m, NAN) : part_of(m, &of, list, count);
    }
    if (strcmp(name, "end") == 0 && m->end_size > 0) return number(m, m->end_size);
    static const struct {
        const char *name;
        double value;
    } constants[] = {{"pi", 3.14159265358979323846},
                     {"Inf", INFINITY},
                     {"inf", INFINITY},
                     {"NaN", NAN},
                     {"nan", NAN},
                     {"true", 1.0},
                     {"false", 0.0},
                     {"eps", 2.220446049250313e-16}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (strcmp(constants[i].name, name) == 0) return number(m, constants[i].value);
    if (!call) {
        fail(m, "%s has no value here", name);
        return number(m, NAN);
    }
    TwMatrix list[ARGUMENTS];
    int count = arguments(m, NULL, list);
    if (m->failed) return number(m, NAN);
    if ((strcmp(name, "ones") == 0 || strcmp(name, "zeros") == 0) && count >= 1) {
        int rows = (int)list[0].values[0], columns = count > 1 ? (int)list[1].values[0] : rows;
        if (rows < 0 || columns < 0 || (double)rows * columns > 1e8) {
            fail(m, "%s of %d x %d", name, rows, columns);
            return number(m, NAN);
        }
        TwMatrix value = matrix(m, rows, columns);
        for (int i = 0; i < rows * columns; i++) value.values[i] = name[0] == 'o' ? 1.0 : 0.0;
        return value;
    }
    if (strcmp(name, "size") == 0 && count == 2)
        return number(m, list[1].values[0] == 1.0 ? list[0].rows : list[0].columns);
    if (strcmp(name, "length") == 0 && count == 1)
        return number(m, list[0].rows > list[0].columns ? list[0].rows : list[0].columns);
    if (count == 1 && list[0].columns >= 0) {
        bool known = true;
        TwMatrix value = matrix(m, list[0].rows, list[0].columns);
        for (int i = 0; i < value.rows * value.columns; i++)
            value.values[i] = apply_function(name, list[0].values[i], &known);
        if (known) return value;
    }
    fail(m, "%s is no variable and no function known here", name);
    return number(m, NAN);
}

static TwMatrix primary(M *m)
{
    skip(m, false);
    if (++m->depth > DEPTH) fail(m, "nested too deeply");
    TwMatrix value = {0};
    if (m->failed) {
        value = number(m, NAN);
    } else if (*m->at == '(') {
        m->at++;
        value = expression(m, false);
        if (!take(m, ')')) fail(m, "expected )");
    } else if (*m->at == '[') {
        value = literal(m);
    } else if (*m->at == '{') {
        value = cell(m);
    } else if (*m->at == '\'' || *m->at == '"') {
        value = quoted(m);
    } else if (isdigit((unsigned char)*m->at) || (*m->at == '.' && isdigit((unsigned char)m->at[1]))) {
        char *end;
        double got = strtod(m->at, &end);
        value = number(m, got);
        m->at = end;
    } else if (isalpha((unsigned char)*m->at) || *m->at == '_') {
        value = named(m);
    } else {
        char shown[24];
        snprintf(shown, sizeof shown, "%.*s", (int)strcspn(m->at, "\r\n"), m->at);
        fail(m, "not understood: %s", shown);
        value = number(m, NAN);
    }
    // transposed
    while (*m->at == '\'' && !m->failed) {
        TwMatrix turned = matrix(m, value.columns, value.rows);
        for (int i = 0; i < value.rows; i++)
            for (int j = 0; j < value.columns; j++)
                turned.values[j * value.rows + i] = value.values[i * value.columns + j];
        value = turned;
        m->at++;
    }
    m->depth--;
    return value;
}

static double combine(char op, double a, double b)
{
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : op == '/' ? a / b : pow(a, b);
}

// Element by element, a number against a matrix, or the product of two matrices.
static TwMatrix binary(M *m, char op, bool dotted, TwMatrix a, TwMatrix b)
{
    if (m->failed) return a;
    if (a.is_text || b.is_text || a.columns < 0 || b.columns < 0) {
        fail(m, "arithmetic with text");
        return a;
    }
    bool one_a = a.rows * a.columns == 1, one_b = b.rows * b.columns == 1;
    if (op == '*' && !dotted && !one_a && !one_b) {
        if (a.columns != b.rows) {
            fail(m, "a product of %d x %d and %d x %d", a.rows, a.columns, b.rows, b.columns);
            return a;
        }
        TwMatrix value = matrix(m, a.rows, b.columns);
        for (int i = 0; i < a.rows; i++)
            for (int j = 0; j < b.columns; j++)
                for (int k = 0; k < a.columns; k++)
                    value.values[i * b.columns + j] += a.values[i * a.columns + k] * b.values[k * b.columns + j];
        return value;
    }
    bool same = a.rows == b.rows && a.columns == b.columns;
    if ((!same && !one_a && !one_b) || ((op == '/' || op == '^') && !dotted && !one_b)) {
        fail(m, "%d x %d and %d x %d do not go together", a.rows, a.columns, b.rows, b.columns);
        return a;
    }
    TwMatrix value = one_a ? matrix(m, b.rows, b.columns) : matrix(m, a.rows, a.columns);
    for (int i = 0; i < value.rows * value.columns; i++)
        value.values[i] = combine(op, a.values[one_a ? 0 : i], b.values[one_b ? 0 : i]);
    return value;
}

// An operator of this level, past the blanks before it; 0: none. In a matrix, " -2" begins the next element.
static char operator_of(M *m, const char *which, bool in_matrix, bool *dotted)
{
    const char *before = m->at;
    int line = m->line;
    skip(m, false);
    *dotted = *m->at == '.' && m->at[1] && strchr("*/^", m->at[1]);
    char op = *dotted ? m->at[1] : *m->at;
    bool sign = op == '+' || op == '-';
    bool next = in_matrix && sign && m->at != before && m->at[1] != ' ' && m->at[1] != '\t';
    if (!op || !strchr(which, op) || next || m->failed) {
        m->at = before;
        m->line = line;
        return 0;
    }
    m->at += *dotted ? 2 : 1;
    return op;
}

static TwMatrix power_of(M *m, bool in_matrix);

static TwMatrix unary(M *m, bool in_matrix)
{
    skip(m, false);
    if (*m->at == '-' || *m->at == '+') {
        double sign = *m->at++ == '-' ? -1.0 : 1.0;
        return binary(m, '*', true, unary(m, in_matrix), number(m, sign));
    }
    return power_of(m, in_matrix);
}

static TwMatrix power_of(M *m, bool in_matrix)
{
    TwMatrix a = primary(m);
    bool dotted;
    while (operator_of(m, "^", in_matrix, &dotted)) {
        skip(m, false);
        double sign = 1.0;
        if (*m->at == '-') sign = -1.0, m->at++;
        TwMatrix b = primary(m);
        a = binary(m, '^', dotted, a, binary(m, '*', true, b, number(m, sign)));
    }
    return a;
}

static TwMatrix term(M *m, bool in_matrix)
{
    TwMatrix a = unary(m, in_matrix);
    bool dotted;
    for (char op; (op = operator_of(m, "*/", in_matrix, &dotted));) a = binary(m, op, dotted, a, unary(m, in_matrix));
    return a;
}

static TwMatrix sum(M *m, bool in_matrix)
{
    TwMatrix a = term(m, in_matrix);
    bool dotted;
    for (char op; (op = operator_of(m, "+-", in_matrix, &dotted));) a = binary(m, op, dotted, a, term(m, in_matrix));
    return a;
}

// A sum, or a range of them.
static TwMatrix expression(M *m, bool in_matrix)
{
    TwMatrix bound[3];
    int count = 0;
    bound[count++] = sum(m, in_matrix);
    bool dotted;
    while (count < 3 && operator_of(m, ":", in_matrix, &dotted)) bound[count++] = sum(m, in_matrix);
    if (count == 1 || m->failed) return bound[0];
    double from = bound[0].values[0], step = count == 3 ? bound[1].values[0] : 1.0, to = bound[count - 1].values[0];
    double n = step != 0.0 ? floor((to - from) / step + 1e-9) + 1.0 : 0.0;
    if (!(n < 1e7)) {
        fail(m, "a range of %g numbers", n);
        return number(m, NAN);
    }
    TwMatrix value = matrix(m, 1, n > 0.0 ? (int)n : 0);
    for (int i = 0; i < value.columns; i++) value.values[i] = from + step * i;
    return value;
}

// MATPOWER's names of columns, as its functions return them.
static const struct {
    const char *function, *names;
    int first[48];
} indices[] = {
    {"idx_bus",
     "PQ PV REF NONE BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN LAM_P LAM_Q MU_VMAX MU_VMIN",
     {1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}},
    {"idx_brch",
     "F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS PF QF PT QT MU_SF MU_ST ANGMIN ANGMAX "
     "MU_ANGMIN MU_ANGMAX",
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 12, 13, 20, 21}},
    {"idx_gen",
     "GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN MU_PMAX MU_PMIN MU_QMAX MU_QMIN PC1 PC2 QC1MIN QC1MAX "
     "QC2MIN QC2MAX RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF",
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 22, 23, 24, 25, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}},
    {"idx_cost", "PW_LINEAR POLYNOMIAL MODEL STARTUP SHUTDOWN NCOST COST", {1, 2, 1, 2, 3, 4, 5}},
    {"idx_area", "AREA_I PRICE_REF_BUS", {1, 2}},
};

static const char *next_name(const char *names, char name[NAME])
{
    size_t n = strcspn(names, " ");
    snprintf(name, NAME, "%.*s", (int)n, names);
    return names[n] ? names + n + 1 : names + n;
}

static void define(M *m, size_t table)
{
    char name[NAME];
    const char *names = indices[table].names;
    for (int k = 0; *names; k++) {
        names = next_name(names, name);
        put(m, name, number(m, indices[table].first[k]));
    }
}

// [PQ, PV, ...] = idx_bus;   the names on the left may be the user's own
static void several(M *m)
{
    char left[48][NAME], name[NAME];
    int count = 0;
    m->at++;
    for (skip(m, true); *m->at && *m->at != ']' && count < 48; skip(m, true)) {
        if (*m->at == ',') {
            m->at++;
            continue;
        }
        if (*m->at == '~') {
            m->at++;
            left[count++][0] = '\0';
            continue;
        }
        if (!word(m, left[count++])) break;
    }
    if (!take(m, ']') || !take(m, '=') || !word(m, name)) {
        fail(m, "expected [A, B, ...] = function");
        return;
    }
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        if (strcmp(indices[i].function, name) != 0) continue;
        for (int k = 0; k < count && k < 48; k++)
            if (left[k][0]) put(m, left[k], number(m, indices[i].first[k]));
        return;
    }
    fail(m, "function %s is not known here", name);
}

// function mpc = case9   or   function [baseMVA, bus, gen, branch] = case9
static void head(M *m)
{
    char name[NAME] = "";
    skip(m, false);
    if (*m->at == '[') {
        while (*m->at && *m->at != ']' && *m->at != '\n') m->at++;
        if (*m->at == ']') m->at++;
    } else {
        word(m, m->output);
    }
    if (take(m, '=') && word(m, name)) snprintf(m->function, sizeof m->function, "%s", name);
    if (!name[0]) snprintf(m->function, sizeof m->function, "%s", m->output), m->output[0] = '\0';
    skip_line(m);
}

static void assign_part(M *m, const char *name)
{
    TwMatrix *of = find(m, name), list[ARGUMENTS];
    if (!of) {
        fail(m, "%s has no value here", name);
        return;
    }
    int count = arguments(m, of, list);
    if (!m->failed && !take(m, '=')) fail(m, "expected =");
    if (m->failed) return;
    TwMatrix value = expression(m, false);
    int *row = NULL, *column = NULL, rows = 0, columns = 0;
    if (!m->failed) rows_and_columns(m, of, list, count, &row, &rows, &column, &columns);
    if (m->failed) return;
    bool one = value.rows * value.columns == 1;
    if (!one && (value.rows != rows || value.columns != columns)) {
        fail(m, "%d x %d values for %d x %d places", value.rows, value.columns, rows, columns);
        return;
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            of->values[row[i] * of->columns + column[j]] = value.values[one ? 0 : i * columns + j];
}

static void statement(M *m)
{
    char name[NAME];
    const char *begin = m->at;
    if (*m->at == '[') {
        several(m);
        return;
    }
    if (!word(m, name)) {
        char shown[24];
        snprintf(shown, sizeof shown, "%.*s", (int)strcspn(begin, "\r\n"), begin);
        fail(m, "not understood: %s", shown);
        return;
    }
    if (strcmp(name, "function") == 0) {
        head(m);
        return;
    }
    if (strcmp(name, "return") == 0 || strcmp(name, "end") == 0 || strcmp(name, "endfunction") == 0) return;
    if (strcmp(name, "define_constants") == 0) {
        for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) define(m, i);
        return;
    }
    skip(m, false);
    if (*m->at == '(') {
        assign_part(m, name);
        return;
    }
    if (*m->at == '{') {
        cell(m);    // mpc.bus_name{3} = ...
        skip(m, false);
    }
    if (*m->at != '=' || m->at[1] == '=') {
        fail(m, "%s: only assignments are understood in a case file", name);
        return;
    }
    m->at++;
    TwMatrix value = expression(m, false);
    if (!m->failed) put(m, name, value);
}

static bool slurp(M *m)
{
    FILE *f = fopen(m->path, "rb");
    if (!f) return tw_fail(m->error, TW_IO, "%s: %s", m->path, strerror(errno));
    size_t room = 1 << 16, n = 0, got;
    m->text = malloc(room + 1);
    while (m->text && (got = fread(m->text + n, 1, room - n, f)) > 0) {
        n += got;
        if (n == room) m->text = realloc(m->text, (room *= 2) + 1);
    }
    bool bad = ferror(f);
    fclose(f);
    if (!m->text) abort();
    if (bad) return tw_fail_at(m->error, m->path, 1, 0, "cannot be read");
    if (memchr(m->text, '\0', n)) {
        int line = 1;
        for (const char *at = m->text; *at; at++) line += *at == '\n';
        return tw_fail_at(m->error, m->path, line, 0, "holds a zero byte: no text file");
    }
    m->text[n] = '\0';
    return true;
}

bool tw_matlab_run(TwMatlab **made, const char *path, TwError *error)
{
    *made = NULL;
    M *m = calloc(1, sizeof *m);
    if (!m) abort();
    m->arena = tw_arena_create();
    m->path = path;
    m->error = error;
    bool good = slurp(m);
    if (good) {
        m->at = m->text;
        m->line = 1;
        if (strncmp(m->at, "\xef\xbb\xbf", 3) == 0) m->at += 3;
        while (!m->failed) {
            skip(m, true);
            if (*m->at == ';' || *m->at == ',') {
                m->at++;
                continue;
            }
            if (!*m->at) break;
            statement(m);
            skip(m, false);
            if (!m->failed && *m->at && !strchr(";,\n", *m->at)) fail(m, "expected the end of the statement");
        }
        good = !m->failed;
    }
    if (!good) {
        tw_matlab_destroy(m);
        return false;
    }
    *made = m;
    return true;
}

void tw_matlab_destroy(TwMatlab *m)
{
    if (!m) return;
    tw_arena_destroy(m->arena);
    free(m->text);
    free(m);
}

const TwMatrix *tw_matlab_find(const TwMatlab *m, const char *name)
{
    char full[2 * NAME];
    snprintf(full, sizeof full, "%s%s%s", m->output, m->output[0] ? "." : "", name);
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->variables[i].name, full) == 0) return &m->variables[i].value;
    // a script without a function line assigns to mpc all the same
    snprintf(full, sizeof full, "mpc.%s", name);
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->variables[i].name, full) == 0) return &m->variables[i].value;
    return NULL;
}

int tw_matlab_last_line(const TwMatlab *m) { return m->line; }

const char *tw_matlab_function(const TwMatlab *m) { return m->function; }
