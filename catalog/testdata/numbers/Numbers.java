// Writes the table by which the printing of numbers is held to Java's: the number as it may stand in a JSON text, a tab,
// and what BigDecimal makes of it. Run: java Numbers.java > numbers.tsv
import java.math.BigDecimal;
import java.util.LinkedHashSet;
import java.util.Random;
import java.util.Set;

class Numbers {
    public static void main(String[] args) {
        Set<String> tokens = new LinkedHashSet<>();
        String[] wholes = {"0", "1", "12", "100", "1000000000000000000000000000000"};
        String[] fractions = {"", ".0", ".00", ".1", ".10", ".01", ".000001", ".0000001", ".00000010", ".999", ".123456789012345678901234567890"};
        String[] exponents = {"", "e0", "E0", "e-0", "e+0", "e1", "E+1", "e-1", "e5", "e-5", "e-6", "e-7", "e20", "e-20", "e400", "e-400", "e007"};
        for (String sign : new String[] {"", "-"}) {
            for (String whole : wholes) {
                for (String fraction : fractions) {
                    for (String exponent : exponents) {
                        tokens.add(sign + whole + fraction + exponent);
                    }
                }
            }
        }
        Random random = new Random(1);
        while (tokens.size() < 2400) {
            StringBuilder b = new StringBuilder(random.nextBoolean() ? "-" : "");
            b.append(random.nextInt(4) == 0 ? "0" : String.valueOf(1 + random.nextInt(1_000_000)));
            b.append('.').append(digits(random, 1 + random.nextInt(12)));
            if (random.nextBoolean()) {
                b.append(random.nextBoolean() ? 'e' : 'E').append(new String[] {"", "+", "-"}[random.nextInt(3)]).append(digits(random, 1 + random.nextInt(3)));
            }
            tokens.add(b.toString());
        }
        StringBuilder out = new StringBuilder();
        for (String token : tokens) {
            if (token.matches(".*[.eE].*")) { // integers stay as they are written
                out.append(token).append('\t').append(new BigDecimal(token)).append('\n');
            }
        }
        System.out.print(out);
    }

    static String digits(Random random, int n) {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < n; i++) {
            b.append((char) ('0' + random.nextInt(10)));
        }
        return b.toString();
    }
}
